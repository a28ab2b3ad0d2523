namespace LayerSkip.Engine.Checkpoints.Gguf;

/// <summary>What a GGUF file says about its chat template.</summary>
/// <param name="Text">The template, in Jinja; null where there is none.</param>
/// <param name="ToolText">The template for conversations with tools; null where the other serves.</param>
/// <param name="SpecialTokens">Spellings of special tokens by the names that templates use, such as <c>bos_token</c>; those that the file names and has.</param>
public sealed record GgufChatTemplate(string? Text, string? ToolText, IReadOnlyDictionary<string, string> SpecialTokens)
{
    private static readonly (string Name, string Key)[] s_specialTokens =
    [
        ("bos_token", GgufKeys.BeginId), ("eos_token", GgufKeys.EndId), ("unk_token", GgufKeys.UnknownId), ("pad_token", GgufKeys.PadId),
    ];

    /// <summary>Reads it from a file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="CheckpointException">The file cannot be read, is not well-formed, or a key that concerns the template is damaged.</exception>
    public static GgufChatTemplate Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var metadata = GgufFile.ReadMetadata(path);
        var tokens = metadata.TextsOrNull(GgufKeys.Tokens) ?? [];
        var special = new Dictionary<string, string>();
        foreach (var (name, key) in s_specialTokens)
        {
            if (metadata.TokenOrNull(key, tokens.Length) is { } id)
            {
                special[name] = tokens[id];
            }
        }

        return new(metadata.TextOrNull(GgufKeys.ChatTemplate), metadata.TextOrNull(GgufKeys.ToolTemplate), special);
    }
}
