using LayerSkip.Cli.Measurement;
using LayerSkip.Cli.Tuning;

namespace LayerSkip.Cli.Reports;

/// <summary>What <c>layerskip tune --json</c> prints.</summary>
internal sealed record TuneReport
{
    /// <summary>The checkpoint folder's name.</summary>
    public required string Model { get; init; }

    /// <summary>How the matrices are kept in memory.</summary>
    public required string WeightFormat { get; init; }

    public required MachineReport Machine { get; init; }

    /// <summary>Sample prompts, and the tokens of their answers.</summary>
    public required int Prompts { get; init; }

    public required int Tokens { get; init; }

    /// <summary>Most tokens of an answer.</summary>
    public required int MaxTokens { get; init; }

    public required TuneCostsReport Costs { get; init; }

    /// <summary>Every exit layer, with the speculation length that is predicted to be best for it.</summary>
    public required IReadOnlyList<TuneExitReport> Exits { get; init; }

    public required OracleReport Oracle { get; init; }

    /// <summary>The settings that were measured, best predicted first; the checkpoint's own is among them, if it declares one.</summary>
    public required IReadOnlyList<TuneSettingReport> Confirmed { get; init; }

    /// <summary>Prompts that they were measured on, and measured runs of each.</summary>
    public required int ConfirmedPrompts { get; init; }

    public required int Runs { get; init; }

    /// <summary>Answers with other tokens than autoregressive decoding gave; 0 unless something is broken.</summary>
    public required int Mismatches { get; init; }

    /// <summary>What to decode with: auto, unless a fixed setting is clearly faster.</summary>
    public required string Controller { get; init; }

    /// <summary>The exit layer of that setting; of auto, where it begins: that of the fixed setting that was predicted to be fastest.</summary>
    public required int ExitLayer { get; init; }

    /// <summary>Its speculation length; 0 where nothing is faster than autoregressive decoding.</summary>
    public required int NumSpeculations { get; init; }

    /// <summary>By which weights it drafts.</summary>
    public required string DraftWeights { get; init; }

    /// <summary>What the controller was measured to give.</summary>
    public required double Speedup { get; init; }

    /// <summary>What the checkpoint declared before; null: nothing.</summary>
    public required string? PreviousController { get; init; }

    public required int? PreviousExitLayer { get; init; }

    public required int? PreviousNumSpeculations { get; init; }

    public required string? PreviousDraftWeights { get; init; }

    /// <summary>The file that the setting was written to; null: none.</summary>
    public required string? Written { get; init; }
}

/// <summary>Milliseconds of a model's steps on this machine.</summary>
/// <param name="PlainStepMs">One token at full depth.</param>
/// <param name="DraftStepMs">One drafted token, for each exit layer from 1 on.</param>
/// <param name="CoarseLayerMs">One layer over one row, by the names of the coarse weights that drafts can go by.</param>
/// <param name="DraftHeadMs">The draft's head alone.</param>
/// <param name="PassMs">All layers and the head, by the rows of a pass.</param>
internal sealed record TuneCostsReport(
    double PlainStepMs, IReadOnlyList<double> DraftStepMs, IReadOnlyDictionary<string, double> CoarseLayerMs, double DraftHeadMs, IReadOnlyList<PassReport> PassMs)
{
    public static TuneCostsReport Of(MeasuredCosts costs) => new(
        1000 * costs.PlainStep,
        [.. costs.DraftSteps.Select(seconds => 1000 * seconds)],
        costs.CoarseLayer.ToDictionary(cost => cost.Key.ToString().ToLowerInvariant(), cost => 1000 * cost.Value),
        1000 * costs.DraftHead,
        [.. costs.Layer.Select(measured => new PassReport(measured.Rows, 1000 * costs.Verification(0, measured.Rows)))]);
}

/// <summary>A pass over rows.</summary>
internal sealed record PassReport(int Rows, double Ms);

/// <summary>An exit layer.</summary>
/// <param name="ExitLayer">Exit layer E; L: all layers, by coarse weights.</param>
/// <param name="Agreement">Share of tokens that it has right, given those before.</param>
/// <param name="DraftMs">Milliseconds of a draft's first token.</param>
/// <param name="NumSpeculations">The speculation length predicted to be best for it.</param>
/// <param name="DraftWeights">By which weights, with that length.</param>
/// <param name="Predicted">The speed-up predicted for it.</param>
/// <param name="AcceptanceRate">Accepted / drafted tokens at that length.</param>
/// <param name="TokensPerRound">Tokens / rounds at that length.</param>
internal sealed record TuneExitReport(
    int ExitLayer, double Agreement, double DraftMs, int NumSpeculations, string DraftWeights, double Predicted, double AcceptanceRate, double TokensPerRound);

/// <summary>The smallest exit of each token that has what the full model says: a bound on what any choice of exits can save.</summary>
/// <param name="Share">Share of tokens by that exit, from 1 to the model's depth.</param>
/// <param name="MeanLayers">The mean of it.</param>
/// <param name="Bound">Layers of the model by the mean.</param>
internal sealed record OracleReport(IReadOnlyList<double> Share, double MeanLayers, double Bound);

/// <summary>A setting that was measured; where its controller chooses, it has no exit layer, no speculation length and no prediction.</summary>
internal sealed record TuneSettingReport(
    string Controller, int? ExitLayer, int? NumSpeculations, string DraftWeights, double? Predicted, Spread Measured, double AutoregressiveMs, double SelfSpeculativeMs, double? AcceptanceRate, double TokensPerRound);
