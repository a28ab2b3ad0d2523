using LayerSkip.Cli.Measurement;

namespace LayerSkip.Cli.Reports;

/// <summary>How long one mode makes a caller wait, in milliseconds, over all requests of all runs.</summary>
/// <param name="FirstTokenMs">From the token ids of a prompt to the first round's tokens.</param>
/// <param name="TokenMs">Of the tokens after the first round, each its share of its round; null where every answer came in one round.</param>
/// <param name="RequestMs">From the token ids of a prompt to those of the whole answer.</param>
internal sealed record LatencyReport(Percentiles FirstTokenMs, Percentiles? TokenMs, Percentiles RequestMs)
{
    public static LatencyReport Of(IReadOnlyCollection<ModeRun> runs)
    {
        var tokens = runs.SelectMany(run => run.TokenSeconds).ToArray();
        return new(
            Milliseconds(runs.SelectMany(run => run.FirstTokenSeconds)),
            tokens.Length > 0 ? Milliseconds(tokens) : null,
            Milliseconds(runs.SelectMany(run => run.RequestSeconds)));
    }

    private static Percentiles Milliseconds(IEnumerable<double> seconds) => Percentiles.Of(seconds.Select(value => 1000 * value));
}
