namespace LayerSkip.Cli.Measurement;

/// <summary>What a benchmark decodes, and how.</summary>
/// <param name="Prompts">Token ids of the prompts that both modes continue; at least one.</param>
/// <param name="PrefillPrompt">Token ids of the prompt whose prefill is measured.</param>
/// <param name="ExitLayer">Exit layer E of the draft.</param>
/// <param name="NumSpeculations">Speculation length d.</param>
/// <param name="MaxTokens">Most tokens to generate for a prompt.</param>
/// <param name="IgnoreEndOfSequence">Always generate <paramref name="MaxTokens"/>: random weights know no end.</param>
/// <param name="Runs">Measured runs, at least one.</param>
/// <param name="Threads">Threads of the model, and of the bandwidth and FMA measurements.</param>
internal sealed record BenchSettings(
    IReadOnlyList<int[]> Prompts,
    int[] PrefillPrompt,
    int ExitLayer,
    int NumSpeculations,
    int MaxTokens,
    bool IgnoreEndOfSequence,
    int Runs,
    int Threads);
