using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;

namespace LayerSkip.Cli.Measurement;

/// <summary>How to draft.</summary>
/// <param name="Controller">What decides about drafts.</param>
/// <param name="ExitLayer">Exit layer E; null: the controller chooses.</param>
/// <param name="NumSpeculations">Speculation length d; null: the controller chooses.</param>
internal sealed record DraftSetting(DraftController Controller, int? ExitLayer, int? NumSpeculations)
{
    /// <summary>By what pays.</summary>
    public static DraftSetting Auto { get; } = new(DraftController.Auto, null, null);

    /// <summary>By which weights it drafts; null: the checkpoint's.</summary>
    public DraftWeights? Weights { get; init; }

    /// <summary>The fixed setting that the checkpoint is taken to declare, where a controller that chooses begins; null: what it does declare.</summary>
    public DraftSetting? Declared { get; init; }

    /// <summary>The name of the controller of fixed settings.</summary>
    public static string FixedName { get; } = Fixed(1, 1).ControllerName;

    /// <summary>The controller's name, as options and files have it.</summary>
    public string ControllerName => Controller.ToString().ToLowerInvariant();

    /// <summary>In every round the same.</summary>
    public static DraftSetting Fixed(int exitLayer, int numSpeculations) => new(DraftController.Fixed, exitLayer, numSpeculations);

    /// <summary>Every exit layer with every speculation length.</summary>
    public static IReadOnlyList<DraftSetting> Grid(IReadOnlyList<int> exitLayers, IReadOnlyList<int> numSpeculations) =>
        [.. exitLayers.SelectMany(exit => numSpeculations.Select(length => Fixed(exit, length)))];

    /// <summary>Options of a request that drafts so.</summary>
    public DecodingOptions Options() => new()
    {
        Mode = DecodingMode.SelfSpeculative,
        DraftController = Controller,
        ExitLayer = ExitLayer,
        NumSpeculations = NumSpeculations,
        DraftWeights = Weights,

        // What is asked of a fixed setting is what its exit is worth, wherever the checkpoint would have drafts come from.
        DraftSource = Controller == DraftController.Fixed ? DraftSource.Exit : null,
    };

    /// <summary>What such a request takes for the checkpoint's own defaults.</summary>
    /// <param name="own">The checkpoint's own defaults.</param>
    public GenerationDefaults Defaults(GenerationDefaults own) =>
        Declared is null ? own : own with { ExitLayer = Declared.ExitLayer, NumSpeculations = Declared.NumSpeculations };

    /// <summary>In words.</summary>
    public override string ToString() => Controller == DraftController.Fixed
        ? FormattableString.Invariant($"exit layer {ExitLayer}, {NumSpeculations} drafted")
        : ControllerName;
}
