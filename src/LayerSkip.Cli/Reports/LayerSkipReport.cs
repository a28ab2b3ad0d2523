namespace LayerSkip.Cli.Reports;

/// <summary>The checkpoint's own LayerSkip defaults.</summary>
/// <param name="ExitLayer">The draft's layers, or null.</param>
/// <param name="NumSpeculations">Tokens drafted in a round, or null.</param>
/// <param name="DraftController">What decides about drafts, or null.</param>
/// <param name="DraftThreshold">That controller's threshold, or null.</param>
/// <param name="DraftSource">Where drafts come from, or null.</param>
/// <param name="DraftWeights">By which weights drafts run the layers below their exit, or null.</param>
/// <param name="DraftVocabulary">How many tokens drafts choose among, beside the prompt's; null: the whole vocabulary.</param>
internal sealed record LayerSkipReport(
    int? ExitLayer, int? NumSpeculations, string? DraftController, float? DraftThreshold, string? DraftSource, string? DraftWeights, int? DraftVocabulary);
