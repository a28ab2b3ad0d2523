using System.Text.Json;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Engine.Tokenization.Loading;

namespace LayerSkip.Training.Tokenizers;

/// <summary>A tokenizer that <see cref="BpeTrainer"/> has trained: to be written, or used at once. Immutable.</summary>
public sealed class TrainedTokenizer
{
    /// <summary>The file of the tokenizer itself.</summary>
    public const string TokenizerFileName = "tokenizer.json";

    /// <summary>The file of the chat template and the control tokens' names.</summary>
    public const string ConfigFileName = "tokenizer_config.json";

    /// <summary>The file of the control tokens' names alone.</summary>
    public const string SpecialTokensFileName = "special_tokens_map.json";

    private readonly IReadOnlyList<string> _spellings;
    private readonly IReadOnlyList<(int Left, int Right)> _merges;
    private readonly IReadOnlyList<AddedToken> _addedTokens;

    internal TrainedTokenizer(
        IReadOnlyList<string> spellings, IReadOnlyList<(int Left, int Right)> merges, IReadOnlyList<AddedToken> addedTokens)
    {
        _spellings = spellings;
        _merges = merges;
        _addedTokens = addedTokens;
    }

    /// <summary>Tokens in all: 256 bytes, merges, added tokens. Ids run from 0 without a gap.</summary>
    public int VocabularySize => _spellings.Count + _addedTokens.Count;

    /// <summary>Merges learned.</summary>
    public int MergeCount => _merges.Count;

    /// <summary>Added tokens, the special ones among them.</summary>
    public int AddedTokenCount => _addedTokens.Count;

    /// <summary>The engine's tokenizer, loaded from what <see cref="WriteJson"/> writes.</summary>
    public Tokenizer ToTokenizer()
    {
        using var stream = new MemoryStream();
        WriteJson(stream);
        using var document = JsonDocument.Parse(stream.GetBuffer().AsMemory(0, (int)stream.Length));
        return new Tokenizer(TokenizerJson.Read(new JsonField(document.RootElement, TokenizerFileName, "")));
    }

    /// <summary>Writes <c>tokenizer.json</c>, in UTF-8; does not close the stream. Equal tokenizers write equal bytes.</summary>
    /// <param name="stream">Receives the file.</param>
    /// <exception cref="IOException">The stream cannot be written.</exception>
    public void WriteJson(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        TokenizerJsonWriter.Write(stream, _spellings, _merges, _addedTokens);
    }

    /// <summary>
    /// Writes <c>tokenizer_config.json</c>, <c>special_tokens_map.json</c> and, last, <c>tokenizer.json</c>, over files of these names.
    /// Each is written beside its place first and then moved there, so that none is ever half there.
    /// </summary>
    /// <param name="directory">The directory; created where it does not exist.</param>
    /// <param name="config">The control tokens' parts and the chat template; none where null.</param>
    /// <exception cref="ArgumentException"><paramref name="config"/> names a token that is none of the special ones; nothing is written.</exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public void Write(string directory, TokenizerConfig? config = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        var configuration = new TokenizerConfigWriter(config ?? new TokenizerConfig(), _addedTokens);

        Directory.CreateDirectory(directory);
        AtomicFile.Write(Path.Combine(directory, ConfigFileName), configuration.WriteConfig);
        AtomicFile.Write(Path.Combine(directory, SpecialTokensFileName), configuration.WriteSpecialTokensMap);
        AtomicFile.Write(Path.Combine(directory, TokenizerFileName), WriteJson);
    }
}
