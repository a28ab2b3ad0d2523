using LayerSkip.Engine.Constraints;

namespace LayerSkip.Cli.Measurement;

/// <summary>What to compare the modes on.</summary>
/// <param name="Prompts">Token ids of the prompts; at least one.</param>
/// <param name="Answers">The token ids that full depth answers, one list for each prompt.</param>
/// <param name="Cells">How to draft; at least one.</param>
/// <param name="MaxTokens">Most tokens of an answer.</param>
/// <param name="Runs">Measured runs over all prompts, at least one.</param>
/// <param name="Constrain">Makes what a prompt's answer may be, by the prompt's index; null: anything.</param>
internal sealed record SpeedSettings(
    IReadOnlyList<int[]> Prompts,
    IReadOnlyList<IReadOnlyList<int>> Answers,
    IReadOnlyList<DraftSetting> Cells,
    int MaxTokens,
    int Runs,
    Func<int, TokenConstraint?>? Constrain = null);
