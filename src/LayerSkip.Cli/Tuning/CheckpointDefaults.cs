using System.Text.Json;
using System.Text.Json.Nodes;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Cli.Tuning;

/// <summary>Writes how a checkpoint drafts into its <c>generation_config.json</c>. Every other field stays, in its order.</summary>
internal static class CheckpointDefaults
{
    /// <summary>Nesting that the checkpoint's reader takes.</summary>
    private const int MaxDepth = 64;

    /// <summary>
    /// Writes the exit layer, the speculation length, the controller, the source and the weights of drafts of the section <c>layerskip</c>, and takes away those of them that are null. Where there is no file,
    /// one is made with the tokens that <c>config.json</c> names: other programs look for them in this file alone once it exists.
    /// </summary>
    /// <param name="directory">The checkpoint.</param>
    /// <param name="defaults">What it is to declare.</param>
    /// <returns>The file's path.</returns>
    /// <exception cref="CheckpointException">The file is not JSON, or something else than an object; it stays as it is.</exception>
    /// <exception cref="IOException">It cannot be written, and is as it was.</exception>
    public static string Write(string directory, GenerationDefaults defaults)
    {
        var path = Path.Combine(directory, GenerationDefaultsReader.FileName);
        var root = File.Exists(path) ? Read(path) : Create(defaults);
        if (root["layerskip"] is not JsonObject section)
        {
            section = [];
            root["layerskip"] = section;
        }

        Set(section, "exit_layer", defaults.ExitLayer is { } exit ? JsonValue.Create(exit) : null);
        Set(section, "num_speculations", defaults.NumSpeculations is { } length ? JsonValue.Create(length) : null);
        Set(section, "draft_controller", JsonValue.Create(defaults.DraftController?.ToString().ToLowerInvariant()));
        Set(section, "draft_source", JsonValue.Create(defaults.DraftSource?.ToString().ToLowerInvariant()));
        Set(section, "draft_weights", JsonValue.Create(defaults.DraftWeights?.ToString().ToLowerInvariant()));
        AtomicFile.Write(path, stream =>
        {
            using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            {
                root.WriteTo(json);
            }

            stream.WriteByte((byte)'\n');
        });
        return path;
    }

    private static void Set(JsonObject section, string name, JsonValue? value)
    {
        if (value is null)
        {
            section.Remove(name);
        }
        else
        {
            section[name] = value;
        }
    }

    private static JsonObject Create(GenerationDefaults defaults)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            CheckpointWriter.WriteTokenIds(json, defaults);
            json.WriteEndObject();
        }

        return JsonNode.Parse(stream.ToArray())!.AsObject();
    }

    private static JsonObject Read(string path)
    {
        var bytes = JsonFile.ReadBytes(path);
        try
        {
            return JsonNode.Parse(bytes, nodeOptions: null, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = MaxDepth }) as JsonObject
                ?? throw new CheckpointException($"{Path.GetFileName(path)}: is no JSON object");
        }
        catch (JsonException error)
        {
            throw JsonFile.Invalid(Path.GetFileName(path), error);
        }
    }
}
