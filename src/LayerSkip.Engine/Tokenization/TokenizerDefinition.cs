using LayerSkip.Engine.Checkpoints;
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

    /// <summary>The id of the token with this spelling; added ones go before the model's own.</summary>
    public bool TryGetId(string spelling, out int id)
    {
        var added = AddedTokens.FirstOrDefault(token => token.Content == spelling);
        id = added?.Id ?? 0;
        return added is not null || Model.Vocabulary.TryGetId(spelling, out id);
    }

    /// <summary>The part of it that a model of so many ids can run: added tokens beyond them, such as a padding token that nothing uses, are left out.</summary>
    /// <param name="size">Rows of the model's embedding.</param>
    /// <exception cref="CheckpointException">A token of the BPE, or one that is put around texts, lies beyond them.</exception>
    public TokenizerDefinition Within(int size)
    {
        var used = Model.Vocabulary.Tokens.Select(token => token.Value).Concat(Template.Before).Concat(Template.After).DefaultIfEmpty().Max();
        return used < size
            ? this with { AddedTokens = [.. AddedTokens.Where(token => token.Id < size)] }
            : throw new CheckpointException($"{Origin}: the tokenizer has the id {used}, but the model's vocab_size is {size}; expected every id below it");
    }
}
