using LayerSkip.Engine.Tokenization;

namespace LayerSkip.Training.Tokenizers;

/// <summary>Trains byte-level BPE tokenizers, with GPT-2's splitting, from texts.</summary>
/// <remarks>
/// <para>
/// Texts are cut at added tokens, then into words as GPT-2 does; every word is a sequence of bytes at first. Then, again and again, the most
/// frequent pair of neighbouring tokens becomes a token; no pair reaches across words. Of equally frequent pairs that of the smaller left id
/// merges first, then that of the smaller right id. Bytes have the ids 0..255, merges the next ones in order, added tokens the last.
/// </para>
/// <para>
/// The result depends on nothing but the options and how often each word occurs: neither the texts' order nor the machine changes a byte of
/// it. Memory grows with the distinct words, time with the texts' length and, for the merges, with the distinct words' length.
/// </para>
/// </remarks>
public static class BpeTrainer
{
    private const int TextsBetweenChecks = 64;

    /// <summary>Trains a tokenizer.</summary>
    /// <param name="texts">The texts, enumerated once; none at all give a tokenizer of bytes and added tokens. Lone surrogates count as U+FFFD.</param>
    /// <param name="options">What the tokenizer is to be.</param>
    /// <param name="cancellationToken">Ends the training.</param>
    /// <exception cref="ArgumentException">
    /// <see cref="BpeTrainerOptions.Validate"/> refuses the options (nothing is read then), a text is null, or the distinct words have more
    /// than 2^31 bytes.
    /// </exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static TrainedTokenizer Train(IEnumerable<string> texts, BpeTrainerOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(texts);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();

        var addedTokens = AddedTokens(options.AddedTokens, firstId: 0);
        var words = new WordCounts(addedTokens);
        foreach (var (index, text) in texts.Index())
        {
            if (index % TextsBetweenChecks == 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
            }

            words.Add(text ?? throw new ArgumentException($"Text {index} is null.", nameof(texts)));
        }

        var learner = new MergeLearner(words.Counts, options);
        learner.Learn(options.VocabularySize - BpeTrainerOptions.ByteTokens - addedTokens.Count, cancellationToken);
        return new TrainedTokenizer(learner.Spellings, learner.Merges, AddedTokens(options.AddedTokens, learner.Spellings.Count));
    }

    private static List<AddedToken> AddedTokens(IReadOnlyList<AddedTokenOptions> tokens, int firstId) =>
    [
        .. tokens.Select((token, index) => new AddedToken(
            firstId + index,
            token.Content,
            token.IsSpecial,
            IsNormalized: false,
            StripLeft: false,
            StripRight: false,
            IsSingleWord: false)),
    ];
}
