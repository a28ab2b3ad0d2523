using LayerSkip.Engine.Decoding;

namespace LayerSkip.Cli.Measurement;

/// <summary>What a benchmark decodes, and how.</summary>
/// <param name="Prompts">Token ids of the prompts that both modes continue; at least one.</param>
/// <param name="PrefillPrompt">Token ids of the prompt whose prefill is measured.</param>
/// <param name="Draft">How to draft.</param>
/// <param name="MaxTokens">Most tokens to generate for a prompt.</param>
/// <param name="IgnoreEndOfSequence">Always generate <paramref name="MaxTokens"/>: random weights know no end.</param>
/// <param name="Runs">Measured runs, at least one.</param>
/// <param name="Contexts">Contexts to measure a token's time at, ascending; empty: none.</param>
/// <param name="Rows">Rows of passes to measure, ascending; empty: none.</param>
/// <param name="RowsContext">Tokens before those of these passes.</param>
/// <param name="Requests">Requests at once to measure, ascending; empty: none.</param>
/// <param name="RequestPrompts">Token ids of their prompts, used again and again where there are more requests; at least one where any are measured.</param>
/// <param name="Threads">Threads of the model, and of the bandwidth and FMA measurements.</param>
internal sealed record BenchSettings(
    IReadOnlyList<int[]> Prompts,
    int[] PrefillPrompt,
    DecodingOptions Draft,
    int MaxTokens,
    bool IgnoreEndOfSequence,
    int Runs,
    IReadOnlyList<int> Contexts,
    IReadOnlyList<int> Rows,
    int RowsContext,
    IReadOnlyList<int> Requests,
    IReadOnlyList<int[]> RequestPrompts,
    int Threads);
