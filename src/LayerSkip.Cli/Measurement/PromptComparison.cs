using System.Diagnostics;
using LayerSkip.Cli.Reports;
using LayerSkip.Engine;
using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Sampling;

namespace LayerSkip.Cli.Measurement;

/// <summary>One prompt answered in both modes in turn, once the process is warm: what self-speculation saves on it, and that it changes no token.</summary>
internal static class PromptComparison
{
    private const int MostRuns = 100;
    private const int LeastRuns = 3;
    private const double WarmUpSeconds = 0.5;
    private const double Seconds = 1;

    /// <summary>Compares; takes a second and a half, or, where an answer takes longer, four answers in each mode.</summary>
    /// <param name="model">The model, of two layers at least.</param>
    /// <param name="prompt">Its token ids.</param>
    /// <param name="options">How to draft and to choose tokens; answers that are drawn get the same seed in both modes.</param>
    /// <param name="constrain">Makes what the answer may be, as a part of each request; null: anything.</param>
    /// <param name="progress">Told the share done, 0..1.</param>
    /// <param name="cancellationToken">Looked at between layers.</param>
    public static ComparisonReport Measure(
        LayerSkipModel model, int[] prompt, DecodingOptions options, Func<TokenConstraint>? constrain, IProgress<double> progress, CancellationToken cancellationToken)
    {
        var sampling = options.Sampling ?? SamplingOptions.Greedy;
        var seeded = options with { Sampling = sampling with { Seed = sampling.Seed ?? (ulong)Random.Shared.NextInt64() } };
        var pair = new ModePair(model, seeded, options.MaxNewTokens!.Value);
        var allocations = new AllocationMeter();
        var start = Stopwatch.GetTimestamp();
        do
        {
            Run(0);
            progress.Report(Math.Min(WarmUpSeconds, Elapsed()) / (WarmUpSeconds + Seconds));
        }
        while (Elapsed() < WarmUpSeconds);

        start = Stopwatch.GetTimestamp();
        var runs = new List<(ModeRun Autoregressive, ModeRun Speculative)>();
        while (runs.Count < LeastRuns || (runs.Count < MostRuns && Elapsed() < Seconds))
        {
            runs.Add(Run(runs.Count));
            progress.Report(Math.Min(1, (WarmUpSeconds + Elapsed()) / (WarmUpSeconds + Seconds)));
        }

        return new ComparisonReport(
            runs.Count,
            1000 * Spread.Of(runs.Select(run => run.Autoregressive.Seconds)).Median,
            1000 * Spread.Of(runs.Select(run => run.Speculative.Seconds)).Median,
            Spread.Of(runs.Select(run => run.Autoregressive.Seconds / run.Speculative.Seconds)),
            runs[^1].Speculative.AcceptanceRate,
            runs.TrueForAll(run => run.Autoregressive.Outputs[0].AsSpan().SequenceEqual(run.Speculative.Outputs[0])));

        (ModeRun Autoregressive, ModeRun Speculative) Run(int run) => pair.Run([prompt], run, allocations, cancellationToken, _ => constrain?.Invoke());

        double Elapsed() => Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
