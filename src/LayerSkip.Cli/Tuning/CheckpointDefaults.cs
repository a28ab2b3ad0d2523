using System.Text.Json;
using System.Text.Json.Nodes;
using LayerSkip.Cli.Measurement;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Cli.Tuning;

/// <summary>Writes how a checkpoint drafts into its <c>generation_config.json</c>. Every other field stays, in its order.</summary>
internal static class CheckpointDefaults
{
    /// <summary>Nesting that the checkpoint's reader takes.</summary>
    private const int MaxDepth = 64;

    /// <summary>
    /// Writes <c>exit_layer</c>, <c>num_speculations</c> and <c>draft_controller</c> of the section <c>layerskip</c>; makes the file where there is none. Fixed drafts
    /// were measured by their exit: a <c>draft_source</c> that says otherwise becomes it.
    /// </summary>
    /// <param name="directory">The checkpoint.</param>
    /// <param name="exitLayer">Exit layer E.</param>
    /// <param name="numSpeculations">Speculation length d; 0: decode autoregressively.</param>
    /// <param name="controller">What decides about drafts.</param>
    /// <returns>The file's path.</returns>
    /// <exception cref="CheckpointException">The file is not JSON, or something else than an object; it stays as it is.</exception>
    /// <exception cref="IOException">It cannot be written, and is as it was.</exception>
    public static string Write(string directory, int exitLayer, int numSpeculations, string controller)
    {
        var path = Path.Combine(directory, GenerationDefaultsReader.FileName);
        var root = File.Exists(path) ? Read(path) : [];
        if (root["layerskip"] is not JsonObject section)
        {
            section = [];
            root["layerskip"] = section;
        }

        section["exit_layer"] = JsonValue.Create(exitLayer);
        section["num_speculations"] = JsonValue.Create(numSpeculations);
        section["draft_controller"] = JsonValue.Create(controller);
        if (controller == DraftSetting.FixedName && section["draft_source"] is not null)
        {
            section["draft_source"] = JsonValue.Create("exit");
        }

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
