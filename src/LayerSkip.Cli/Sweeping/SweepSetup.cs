namespace LayerSkip.Cli.Sweeping;

/// <summary>What all cells of a sweep have in common. Cells of another setup cannot be compared with them.</summary>
/// <param name="Model">The checkpoint folder's name.</param>
/// <param name="Checkpoint">Fingerprint of its configuration and weights.</param>
/// <param name="WeightFormat">How the matrices are kept in memory.</param>
/// <param name="Device">The device, its threads and vector path.</param>
/// <param name="Prompts">How many prompts.</param>
/// <param name="PromptIds">Fingerprint of their token ids, of the ids that end an answer and of the draft vocabulary.</param>
/// <param name="MaxTokens">Most tokens of an answer.</param>
/// <param name="Runs">Measured runs over all prompts.</param>
/// <param name="Compression">What was asked of weights that can be compressed; <c>none</c> where they cannot.</param>
/// <param name="DraftWeights">By which weights drafts ran the layers below their exit.</param>
/// <param name="AutoSource">Where drafts come from by the controller that chooses by itself; those of the grid come from the exit.</param>
/// <param name="AutoExitLayer">The exit layer that the checkpoint declares, where that controller begins; null: none.</param>
/// <param name="AutoNumSpeculations">Most tokens that it drafts in a round.</param>
internal sealed record SweepSetup(
    string Model,
    string Checkpoint,
    string WeightFormat,
    string Device,
    int Prompts,
    string PromptIds,
    int MaxTokens,
    int Runs,
    string Compression,
    string DraftWeights,
    string AutoSource,
    int? AutoExitLayer,
    int AutoNumSpeculations)
{
    /// <summary>The columns that say what all rows were measured with; where that controller begins, and how far it goes, is a matter of its own row alone.</summary>
    public static IReadOnlyList<string> Columns { get; } =
        ["model", "checkpoint", "weight_format", "device", "prompts", "prompt_ids", "max_tokens", "runs", "compression", "draft_weights", "auto_source"];

    /// <summary>Their values.</summary>
    public IReadOnlyList<string> Values { get; } =
        [
            Model, Checkpoint, WeightFormat, Device, FormattableString.Invariant($"{Prompts}"), PromptIds, FormattableString.Invariant($"{MaxTokens}"),
            FormattableString.Invariant($"{Runs}"), Compression, DraftWeights, AutoSource,
        ];

    /// <summary>The deepest exit of the grid: all layers draft by coarse weights alone.</summary>
    public int LastExit(int layers) => DraftWeights == "exact" ? layers - 1 : layers;
}
