using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Checkpoints.Gguf;

namespace LayerSkip.Engine.Tokenization.Loading;

/// <summary>Finds and opens a checkpoint's tokenizer: a directory's files, or the metadata of a GGUF file.</summary>
internal static class TokenizerFiles
{
    // Three times the largest genuine ones, which list a quarter of a million tokens; parsed, a file takes several times its size.
    private const int MaxFileSize = 128 << 20;

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
            var definition = ReadJson(json, TokenizerJson.Read);
            var config = Path.Combine(directory, "tokenizer_config.json");
            return File.Exists(config) ? ReadJson(config, field => TokenizerConfig.Apply(field, definition)) : definition;
        }

        var vocabulary = Path.Combine(directory, "vocab.json");
        var merges = Path.Combine(directory, "merges.txt");
        if (File.Exists(vocabulary) && File.Exists(merges))
        {
            return ReadJson(vocabulary, field => Gpt2Files.Read(field, merges, JsonFile.ReadBytes(merges, MaxFileSize)));
        }

        var found = Directory.Exists(directory) ? "found no tokenizer" : "does not exist";
        throw new CheckpointException($"{directory}: {found}, expected tokenizer.json, or vocab.json with merges.txt, or a GGUF file.");
    }

    /// <summary>Reads something out of a JSON file.</summary>
    /// <exception cref="CheckpointException">The file cannot be read, is not JSON or holds a field twice.</exception>
    public static T ReadJson<T>(string file, Func<JsonField, T> read)
    {
        ReadOnlySpan<byte> bytes = JsonFile.ReadBytes(file, MaxFileSize);
        if (bytes.StartsWith("\uFEFF"u8))
        {
            bytes = bytes[3..];
        }

        return read(new JsonField(JsonFile.Parse(file, bytes), file, ""));
    }
}
