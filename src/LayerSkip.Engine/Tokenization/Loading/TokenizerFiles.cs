using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Checkpoints.Gguf;

namespace LayerSkip.Engine.Tokenization.Loading;

/// <summary>Finds and opens a checkpoint's tokenizer: a directory's files, or the metadata of a GGUF file.</summary>
internal static class TokenizerFiles
{
    // Three times the largest genuine ones, which list a quarter of a million tokens; parsed, a file takes several times its size.
    private const int MaxFileSize = 128 << 20;

    // Mistral's and SentencePiece's own.
    private static readonly string[] s_otherFormats = ["tekken.json", "tokenizer.model", "tokenizer.model.v3"];

    /// <summary>For errors: where a <c>tokenizer.json</c> comes from.</summary>
    public const string HowToWriteJson = "Python's transformers write it: AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)";

    /// <exception cref="CheckpointException">There is no tokenizer that can be read.</exception>
    public static TokenizerDefinition Read(string path)
    {
        if (File.Exists(path))
        {
            return GgufTokenizer.Read(GgufFile.ReadMetadata(path));
        }

        var directory = path;
        var json = Path.Combine(directory, "tokenizer.json");
        var configFile = Path.Combine(directory, "tokenizer_config.json");
        JsonField? config = File.Exists(configFile) ? ReadJson(configFile, field => field) : null;
        if (File.Exists(json))
        {
            var definition = ReadJson(json, TokenizerJson.Read);
            return config is { } given ? TokenizerConfig.Apply(given, TokenizerConfig.AddTokens(given, definition)) : definition;
        }

        var vocabulary = Path.Combine(directory, "vocab.json");
        var merges = Path.Combine(directory, "merges.txt");
        if (File.Exists(vocabulary) && File.Exists(merges))
        {
            return ReadJson(vocabulary, field => Gpt2Files.Read(field, merges, JsonFile.ReadBytes(merges, MaxFileSize), config));
        }

        var other = Array.Find(s_otherFormats, name => File.Exists(Path.Combine(directory, name)));
        throw new CheckpointException(other is null
            ? $"{directory}: {(Directory.Exists(directory) ? "found no tokenizer" : "does not exist")}, expected tokenizer.json, or vocab.json with merges.txt, or a GGUF file."
            : $"{directory}: found no tokenizer but {other}, which is not read, expected tokenizer.json ({HowToWriteJson}).");
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
