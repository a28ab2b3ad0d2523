using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.StructuredOutput;
using LayerSkip.AI.Tools;
using LayerSkip.Engine.Decoding;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Requests;

/// <summary>What a request's options ask, checked; its conversation is still to be rendered and encoded.</summary>
/// <param name="Decoding">How to decode, but for what the answer's form constrains.</param>
/// <param name="StopSequences">Texts that end the answer; none of them empty.</param>
/// <param name="Tools">The tools, and what may be done with them.</param>
/// <param name="Format">The answer's form; null: text.</param>
/// <param name="Instructions">What the caller tells the model before the conversation, or null.</param>
/// <param name="Reasoning">What is asked of reasoning, or null.</param>
/// <param name="Variables">The template's variables: those that say so, and the request's own.</param>
internal sealed record RequestSettings(
    DecodingOptions Decoding,
    IReadOnlyList<string> StopSequences,
    ToolChoice Tools,
    AnswerFormat? Format,
    string? Instructions,
    ReasoningOptions? Reasoning,
    IReadOnlyDictionary<string, TemplateValue> Variables);
