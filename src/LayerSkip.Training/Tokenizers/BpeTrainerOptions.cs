using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Engine.Tokenization.Bpe;
using LayerSkip.Engine.Tokenization.Loading;

namespace LayerSkip.Training.Tokenizers;

/// <summary>What a byte-level BPE tokenizer is to be, but for the texts it learns from.</summary>
public sealed record BpeTrainerOptions
{
    /// <summary>Tokens that every tokenizer has: one for each byte.</summary>
    internal const int ByteTokens = 256;

    /// <summary>
    /// Tokens in all: the 256 bytes, the merges and <see cref="AddedTokens"/>; at most 16,777,216. Fewer come out where the texts hold no
    /// further pair that is frequent and short enough.
    /// </summary>
    public required int VocabularySize { get; init; }

    /// <summary>How often a pair of tokens must stand side by side in the texts to be merged, at least 1.</summary>
    public long MinPairFrequency { get; init; } = 2;

    /// <summary>Longest token that merging makes, in UTF-8 bytes: 1 (which merges nothing) to 65,536.</summary>
    public int MaxTokenBytes { get; init; } = 64;

    /// <summary>Given tokens, which get the last ids in this order. Texts are cut at them, so that no learned token reaches across one.</summary>
    public IReadOnlyList<AddedTokenOptions> AddedTokens { get; init; } = [];

    /// <summary>Throws unless every value is in its range and every added token can be told from all others.</summary>
    /// <exception cref="ArgumentException">An added token is empty, too long, not well-formed UTF-16, given twice, or the spelling of a byte.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A value is outside its range; the message names it.</exception>
    public void Validate()
    {
        ArgumentNullException.ThrowIfNull(AddedTokens);
        CheckAddedTokens();
        CheckRange(nameof(MinPairFrequency), MinPairFrequency, 1, long.MaxValue);
        CheckRange(nameof(MaxTokenBytes), MaxTokenBytes, 1, Vocabulary.MaxTokenLength);
        if (VocabularySize < ByteTokens + AddedTokens.Count)
        {
            throw new ArgumentOutOfRangeException(
                nameof(VocabularySize),
                VocabularySize,
                $"{nameof(VocabularySize)} must be at least {ByteTokens + AddedTokens.Count}: {ByteTokens} bytes and {AddedTokens.Count} added tokens.");
        }

        CheckRange(nameof(VocabularySize), VocabularySize, ByteTokens, ModelReader.IdLimit);
    }

    private void CheckAddedTokens()
    {
        var first = new Dictionary<string, int>(StringComparer.Ordinal);
        var length = 0L;
        foreach (var (index, token) in AddedTokens.Index())
        {
            var name = $"{nameof(AddedTokens)}[{index}]";
            if (token is null || string.IsNullOrEmpty(token.Content))
            {
                throw new ArgumentException($"{name} is empty, expected a spelling.");
            }

            var content = token.Content;
            length += content.Length;
            if (content.Length > AddedTokenMatcher.MaxSpellingLength || length >= AddedTokenMatcher.MaxNodes)
            {
                throw new ArgumentException(
                    $"{name} is {content.Length} characters long, expected at most {AddedTokenMatcher.MaxSpellingLength}, and fewer than {AddedTokenMatcher.MaxNodes} for all together.");
            }

            if (!ReferenceEquals(Tokenizer.WithoutLoneSurrogates(content), content))
            {
                throw new ArgumentException($"{name} holds half a surrogate pair, expected well-formed UTF-16.");
            }

            // The two would share an id, and every text that spells the byte would hold the added token.
            if (content.Length == 1 && ByteLevelAlphabet.TryGetBytes(content) is not null)
            {
                throw new ArgumentException($"{name} is {ErrorText.Quote(content)}, which already is the spelling of a byte; expected another or a longer one.");
            }

            if (!first.TryAdd(content, index))
            {
                throw new ArgumentException($"{name} is {ErrorText.Quote(content)}, which {nameof(AddedTokens)}[{first[content]}] is too; expected each once.");
            }
        }
    }

    private static void CheckRange(string name, long value, long min, long max)
    {
        if (value < min || value > max)
        {
            throw new ArgumentOutOfRangeException(name, value, max == long.MaxValue ? $"{name} must be at least {min}." : $"{name} must be {min} to {max}.");
        }
    }
}
