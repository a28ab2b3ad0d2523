using LayerSkip.Engine.Decoding;

namespace LayerSkip.Cli.Reports;

/// <summary>Counts and times of one generation.</summary>
/// <param name="Rounds">Rounds of draft and verification; without drafting, decode steps.</param>
/// <param name="Drafted">Tokens drafted.</param>
/// <param name="Accepted">Drafted tokens that the full model confirmed.</param>
/// <param name="AcceptanceRate">Accepted / drafted; null where nothing was drafted.</param>
/// <param name="TokensPerRound">Output tokens / rounds.</param>
/// <param name="PrefillMs">Milliseconds until the first round's tokens stood: the prompt, and the first round with it.</param>
/// <param name="DecodeMs">Milliseconds of all later rounds.</param>
/// <param name="TokensPerSecond">Output tokens / (prefill + decode).</param>
/// <param name="TimePerTokenMs">(Prefill + decode) / output tokens.</param>
/// <param name="AllocatedBytesPerToken">
/// Managed bytes that the decoding thread allocated a token (<see cref="GC.GetAllocatedBytesForCurrentThread"/> around each round),
/// over all rounds after the first, which is the warm-up; of the first where the answer came in one round.
/// </param>
internal sealed record StatisticsReport(
    int Rounds,
    int Drafted,
    int Accepted,
    double? AcceptanceRate,
    double TokensPerRound,
    double PrefillMs,
    double DecodeMs,
    double TokensPerSecond,
    double TimePerTokenMs,
    double AllocatedBytesPerToken)
{
    public static StatisticsReport Of(GenerationStatistics statistics, double allocatedBytesPerToken) => new(
        statistics.Rounds,
        statistics.Drafted,
        statistics.Accepted,
        statistics.Drafted == 0 ? null : Math.Round(statistics.AcceptanceRate, 4),
        Math.Round(statistics.TokensPerRound, 4),
        Math.Round(statistics.PrefillTime.TotalMilliseconds, 4),
        Math.Round(statistics.DecodeTime.TotalMilliseconds, 4),
        Math.Round(statistics.TokensPerSecond, 4),
        Math.Round(statistics.TimePerToken.TotalMilliseconds, 4),
        Math.Round(allocatedBytesPerToken, 2));
}
