namespace LayerSkip.Cli.Reports;

/// <summary>What <c>layerskip generate --json</c> prints.</summary>
/// <param name="Model">The checkpoint folder's name.</param>
/// <param name="Mode">autoregressive, self-speculative or early-exit.</param>
/// <param name="ExitLayer">Layers of the draft or of the early exit; null where nothing exits early.</param>
/// <param name="NumSpeculations">Most tokens drafted in a round; null where nothing is drafted.</param>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="PromptIds">Their ids.</param>
/// <param name="Tokens">Ids of the output, an end-of-sequence token that ended it included.</param>
/// <param name="Text">The output's text, without control tokens.</param>
/// <param name="FinishReason">stop (an end-of-sequence token) or length (max tokens, or the context is full).</param>
/// <param name="Stats">Counts and times.</param>
/// <param name="Comparison">The prompt in both modes; null unless asked for.</param>
internal sealed record GenerateReport(
    string Model,
    string Mode,
    int? ExitLayer,
    int? NumSpeculations,
    int PromptTokens,
    IReadOnlyList<int> PromptIds,
    IReadOnlyList<int> Tokens,
    string Text,
    string FinishReason,
    StatisticsReport Stats,
    ComparisonReport? Comparison);
