namespace LayerSkip.Training.Data;

/// <summary>Chooses the tokens that a model's drafts need beside those of the prompt: <c>layerskip.draft_vocabulary</c>.</summary>
public static class DraftVocabulary
{
    /// <summary>The fewest tokens that make up a share of what the answers hold and their prompts do not, the end-of-sequence token among it.</summary>
    /// <remarks>
    /// A draft chooses among these and the prompt's own tokens. What answers copy is therefore not needed here, and a model that answers in a
    /// small language of its own needs a small part of its vocabulary.
    /// </remarks>
    /// <param name="sequences">Training rows.</param>
    /// <param name="coverage">The share, above 0 and at most 1.</param>
    /// <returns>Token ids, ascending; empty where answers hold nothing but their prompts' tokens.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="coverage"/> is outside its range.</exception>
    public static IReadOnlyList<int> Choose(IEnumerable<TrainingSequence> sequences, double coverage)
    {
        ArgumentNullException.ThrowIfNull(sequences);
        if (coverage is not (> 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(coverage), coverage, "The coverage must lie above 0, at most 1.");
        }

        var counts = new Dictionary<int, long>();
        foreach (var sequence in sequences)
        {
            var prompt = sequence.Tokens.Take(sequence.PromptLength).ToHashSet();
            foreach (var token in sequence.Tokens.Skip(sequence.PromptLength).Where(token => !prompt.Contains(token)))
            {
                counts[token] = counts.GetValueOrDefault(token) + 1;
            }
        }

        var wanted = coverage * counts.Values.Sum();
        var covered = 0L;
        return
        [
            .. counts.OrderByDescending(count => count.Value).ThenBy(count => count.Key)
                .TakeWhile(count =>
                {
                    var needed = covered < wanted;
                    covered += count.Value;
                    return needed;
                })
                .Select(count => count.Key)
                .Order(),
        ];
    }
}
