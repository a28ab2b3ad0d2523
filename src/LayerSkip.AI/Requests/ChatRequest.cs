using LayerSkip.AI.Tools;
using LayerSkip.Engine.Decoding;

namespace LayerSkip.AI.Requests;

/// <summary>A request as the engine takes it: checked, rendered and encoded.</summary>
/// <param name="Prompt">Token ids, fewer than the model's context.</param>
/// <param name="Decoding">How to decode.</param>
/// <param name="StopSequences">Texts that end the answer; none of them empty.</param>
/// <param name="Calls">Which tool calls the answer may hold; null where none may come.</param>
/// <param name="Reasoning">What of the answer is reasoning; null: nothing.</param>
internal sealed record ChatRequest(
    int[] Prompt,
    DecodingOptions Decoding,
    IReadOnlyList<string> StopSequences,
    AnswerCalls? Calls = null,
    AnswerReasoning? Reasoning = null);
