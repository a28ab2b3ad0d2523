using LayerSkip.Cli.Evaluation;

namespace LayerSkip.Cli.Training;

/// <summary>How a model in training did.</summary>
/// <param name="Losses">Mean loss of each exit, in nats; the last is full depth's.</param>
/// <param name="ExactMatch">Share of exact answers by the layers that decide them, full depth among them; every domain weighs the same.</param>
/// <param name="FullDepth">Full depth's scores of all rows.</param>
/// <param name="MaxTokens">Tokens at which answers were cut.</param>
internal sealed record EvaluationScores(IReadOnlyList<double> Losses, IReadOnlyDictionary<int, double> ExactMatch, AnswerScores FullDepth, int MaxTokens)
{
    /// <summary>In one line: <c>exact match 78.0 % (exit 2: 51.0 %), loss 0.123</c>, and how many answers were cut.</summary>
    public string Describe()
    {
        var exits = ExactMatch.Where(exit => exit.Key < Losses.Count).OrderBy(exit => exit.Key)
            .Select(exit => FormattableString.Invariant($"exit {exit.Key}: {100 * exit.Value:0.0} %"));
        return FormattableString.Invariant($"exact match {100 * ExactMatch[Losses.Count]:0.0} %")
            + $"{(ExactMatch.Count > 1 ? $" ({string.Join(", ", exits)})" : "")}"
            + FormattableString.Invariant($", loss {Losses[^1]:0.000}")
            + (FullDepth.Unfinished > 0 ? FormattableString.Invariant($"; {FullDepth.Unfinished:N0} of {FullDepth.Rows:N0} answers did not end within {MaxTokens:N0} tokens") : "");
    }
}
