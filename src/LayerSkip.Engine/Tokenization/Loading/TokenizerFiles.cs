using System.Text.Json;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Checkpoints.Gguf;

namespace LayerSkip.Engine.Tokenization.Loading;

/// <summary>Finds and opens a checkpoint's tokenizer: a directory's files, or the metadata of a GGUF file.</summary>
internal static class TokenizerFiles
{
    private const long MaxFileSize = 1L << 30;

    /// <exception cref="CheckpointException">There is no tokenizer that can be read.</exception>
    public static TokenizerDefinition Read(string path)
    {
        if (File.Exists(path))
        {
            return GgufTokenizer.Read(GgufFile.ReadMetadata(path));
        }

        var directory = path;
        var json = Path.Combine(directory, "tokenizer.json");
        if (File.Exists(json))
        {
            return ReadJson(json, TokenizerJson.Read);
        }

        var vocabulary = Path.Combine(directory, "vocab.json");
        var merges = Path.Combine(directory, "merges.txt");
        if (File.Exists(vocabulary) && File.Exists(merges))
        {
            return ReadJson(vocabulary, field => Gpt2Files.Read(field, merges, ReadBytes(merges)));
        }

        var found = Directory.Exists(directory) ? "found no tokenizer" : "does not exist";
        throw new CheckpointException($"{directory}: {found}, expected tokenizer.json, or vocab.json with merges.txt, or a GGUF file.");
    }

    /// <summary>Reads something out of a JSON file.</summary>
    /// <exception cref="CheckpointException">The file cannot be read or is not JSON.</exception>
    public static T ReadJson<T>(string file, Func<JsonField, T> read)
    {
        var bytes = ReadBytes(file).AsMemory();
        if (bytes.Span.StartsWith("\uFEFF"u8))
        {
            bytes = bytes[3..];
        }

        try
        {
            using var document = JsonDocument.Parse(bytes);
            return read(new JsonField(document.RootElement, file, ""));
        }
        catch (JsonException e)
        {
            throw JsonFile.Invalid(file, e);
        }
    }

    private static byte[] ReadBytes(string file)
    {
        try
        {
            var size = new FileInfo(file).Length;
            return size <= MaxFileSize
                ? File.ReadAllBytes(file)
                : throw new CheckpointException($"{file} is {size} bytes long, expected at most {MaxFileSize}.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"{file} cannot be read: {e.Message}", e);
        }
    }
}
