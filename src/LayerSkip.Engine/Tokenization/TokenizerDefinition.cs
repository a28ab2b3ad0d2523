using LayerSkip.Engine.Tokenization.Bpe;
using LayerSkip.Engine.Tokenization.Decoding;
using LayerSkip.Engine.Tokenization.Normalization;
using LayerSkip.Engine.Tokenization.PreTokenization;

namespace LayerSkip.Engine.Tokenization;

/// <summary>All that a checkpoint's files say about its tokenizer.</summary>
internal sealed record TokenizerDefinition
{
    /// <summary>The file it comes from, for errors.</summary>
    public required string Origin { get; init; }

    public required TokenizerFamily Family { get; init; }

    public required BpeModel Model { get; init; }

    public required IReadOnlyList<AddedToken> AddedTokens { get; init; }

    public Normalizer? Normalizer { get; init; }

    public PreTokenizer? PreTokenizer { get; init; }

    public SpecialTokenTemplate Template { get; init; } = new([], []);

    public required DecoderSettings Decoder { get; init; }
}
