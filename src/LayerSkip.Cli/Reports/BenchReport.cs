using System.Text.Json.Serialization;

namespace LayerSkip.Cli.Reports;

/// <summary>What <c>layerskip bench --json</c> prints. Speeds and ratios of times are medians over the runs, counts of drafts and rounds are of all runs together.</summary>
internal sealed record BenchReport
{
    /// <summary>The checkpoint folder's name, or "synthetic".</summary>
    public required string Model { get; init; }

    /// <summary>How the matrices are kept: f32 or bf16.</summary>
    public required string WeightFormat { get; init; }

    public required MachineReport Machine { get; init; }

    /// <summary>Measured runs, after a warm-up.</summary>
    public required int Runs { get; init; }

    /// <summary>Prompts in a run.</summary>
    public required int Prompts { get; init; }

    /// <summary>Most tokens generated for a prompt.</summary>
    public required int MaxTokens { get; init; }

    /// <summary>Tokens of the prompt whose prefill was measured.</summary>
    public required int PrefillTokens { get; init; }

    /// <summary>What decides about drafts.</summary>
    public required string Controller { get; init; }

    /// <summary>Exit layer E; where the controller chooses, the first one.</summary>
    public required int ExitLayer { get; init; }

    /// <summary>Speculation length d; where the controller chooses, the longest one.</summary>
    public required int NumSpeculations { get; init; }

    /// <summary>By which weights drafts run the layers below their exit: those asked for, where the device has them.</summary>
    public required string DraftWeights { get; init; }

    /// <summary>Autoregressive: tokens after each answer's first, by their time. Null where no answer had a second token.</summary>
    public required double? DecodeTokensPerSecond { get; init; }

    /// <summary>Self-speculative: tokens of all rounds but each answer's first, by their time. Null where every answer came in one round.</summary>
    public required double? SelfSpeculativeDecodeTokensPerSecond { get; init; }

    public required double PrefillTokensPerSecond { get; init; }

    /// <summary>End to end, from token ids to token ids, prefill included: autoregressive time / self-speculative time for the same prompts.</summary>
    public required double Speedup { get; init; }

    /// <summary>Decoding alone: the ratio of the two decode rates, over those runs that have both; null where none has.</summary>
    public required double? SpeedupDecode { get; init; }

    /// <summary>Runs with a <see cref="SpeedupDecode"/>.</summary>
    public required int DecodeRuns { get; init; }

    /// <summary>Accepted / drafted tokens; null where nothing was drafted.</summary>
    public required double? AcceptanceRate { get; init; }

    /// <summary>Self-speculative tokens / rounds.</summary>
    public required double TokensPerRound { get; init; }

    /// <summary>Mean exit layer of the rounds that drafted; 0 where none did.</summary>
    public required double MeanExitLayer { get; init; }

    /// <summary>Rounds of all runs that had 0, 1, 2 ... drafted tokens accepted.</summary>
    public required IReadOnlyList<int> AcceptedPerRound { get; init; }

    /// <summary>How long each mode makes a caller wait.</summary>
    public required BenchLatencies Latency { get; init; }

    /// <summary>Both modes gave the same token ids for every prompt in every run.</summary>
    public required bool Identical { get; init; }

    /// <summary>Weight bytes that decoding one token at full depth reads: all layers and the head.</summary>
    public required long WeightBytesPerToken { get; init; }

    /// <summary>Bytes that copies for drafts take, of the layers and of the head; 0 where there are none.</summary>
    public required long DraftWeightBytes { get; init; }

    /// <summary>KV cache bytes that it reads, at the mean context length of the run.</summary>
    public required double KvBytesPerToken { get; init; }

    /// <summary>Reading a large buffer with all threads, before and after each run's decoding, the median of the runs; on a GPU copies within its memory, bytes read and written together, null where it has none to spare.</summary>
    public required double? BandwidthBytesPerSecond { get; init; }

    /// <summary>Bytes read per token, times autoregressive tokens per second, by the bandwidth around the same run, the median of the runs; null where one of these is.</summary>
    public required double? BandwidthShare { get; init; }

    /// <summary>The best rate of multiply-adds with all threads, two operations each; null on a GPU.</summary>
    public required double? FmaFlopsPerSecond { get; init; }

    /// <summary>Share of that rate in prefill: 2 x weights in matrices x tokens (the head once) by time. Attention is left out. Null on a GPU.</summary>
    public required double? FmaShare { get; init; }

    /// <summary>Managed bytes that the decoding thread allocated a token after the warm-up.</summary>
    public required double AllocatedBytesPerToken { get; init; }

    public required BenchSpreads Spread { get; init; }

    /// <summary>How a step's time grows; null unless asked for.</summary>
    public required GrowthReport? Growth { get; init; }

    /// <summary>Several requests at once; empty unless asked for.</summary>
    public required IReadOnlyList<RequestsReport> Requests { get; init; }

    /// <summary>What loading took; null for a synthetic model.</summary>
    public StartUpReport? StartUp { get; init; }

    /// <summary>What to bear in mind when reading the figures.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>What a CUDA device was asked for; null on the CPU.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DeviceActivityReport? Device { get; init; }

    /// <summary>Whether no tokens differ, those of requests at once included.</summary>
    public bool AreIdentical() => Identical && Requests.All(requests => requests.Autoregressive.Identical && requests.SelfSpeculative.Identical);

    /// <summary>How drafts were made, in words.</summary>
    public string DescribeDrafts() => (Controller == "fixed"
        ? FormattableString.Invariant($"exit layer {ExitLayer}, {NumSpeculations} tokens drafted a round")
        : FormattableString.Invariant($"{Controller} drafts of up to {NumSpeculations} tokens a round")) + (DraftWeights == "exact" ? "" : $", by {DraftWeights} weights");
}
