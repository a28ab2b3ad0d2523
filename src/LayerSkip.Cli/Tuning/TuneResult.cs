using LayerSkip.Cli.Measurement;
using LayerSkip.Engine;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;

namespace LayerSkip.Cli.Tuning;

/// <summary>What tuning found.</summary>
/// <param name="Answers">The answers with their shadows.</param>
/// <param name="Costs">What steps take.</param>
/// <param name="CostModel">What predicted.</param>
/// <param name="Predictions">Every exit layer with every speculation length, by all weights that the device can draft by.</param>
/// <param name="Confirmed">The settings that were measured: fixed ones, best predicted first, at least one, then the controller that chooses by itself, beginning with the first of them.</param>
/// <param name="ConfirmedPrompts">The prompts that they were measured on.</param>
internal sealed record TuneResult(
    IReadOnlyList<ShadowedAnswer> Answers,
    MeasuredCosts Costs,
    CostModel CostModel,
    IReadOnlyList<Prediction> Predictions,
    IReadOnlyList<TunedSetting> Confirmed,
    int ConfirmedPrompts)
{
    /// <summary>The fixed setting that was fastest when measured.</summary>
    public TunedSetting Fastest => Confirmed.Where(setting => setting.Predicted is not null).MaxBy(setting => setting.Speedup)!;

    /// <summary>What to decode with: the controller that chooses by itself, unless a fixed setting is clearly faster.</summary>
    public TunedSetting Winner =>
        Confirmed.FirstOrDefault(setting => setting.Predicted is null) is { } auto && Fastest.Speedup <= Tuner.Preference * auto.Speedup ? auto : Fastest;

    /// <summary>Whether it is faster than not drafting at all.</summary>
    public bool Pays => Winner.Speedup > 1;

    /// <summary>The exit layer and speculation length to declare: the winner's own, or, of the controller that chooses, those with which it was measured.</summary>
    public DraftSetting Declared => Winner.Setting.Declared ?? Winner.Setting;

    /// <summary>
    /// What the checkpoint is to declare. The controller is left to the device where it would take the winner by itself: another device may do better by its own.
    /// Fixed drafts were measured by their exit: a source that says otherwise becomes it.
    /// </summary>
    public GenerationDefaults DefaultsOf(LayerSkipModel model)
    {
        var controller = Winner.Setting.Controller;
        var own = model.Defaults with
        {
            ExitLayer = Declared.ExitLayer,
            NumSpeculations = Pays ? Declared.NumSpeculations : 0,
            DraftController = null,

            // A device that has no others says nothing about them.
            DraftWeights = Costs.CoarseLayer.Count == 0 ? model.Defaults.DraftWeights : Declared.Weights is DraftWeights.Exact ? null : Declared.Weights,
            DraftSource = controller == DraftController.Fixed && model.Defaults.DraftSource is not null ? DraftSource.Exit : model.Defaults.DraftSource,
        };
        return model.Plan(new DecodingOptions { Mode = DecodingMode.SelfSpeculative }, own).Controller == controller ? own : own with { DraftController = controller };
    }

    /// <summary>Answers that self-speculative decoding changed; 0 unless something is broken.</summary>
    public int Mismatches => Confirmed.Sum(setting => ConfirmedPrompts - setting.Measured.Identical);
}
