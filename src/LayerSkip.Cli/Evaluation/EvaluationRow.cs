using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Tools;
using LayerSkip.Parsing.Frames;

namespace LayerSkip.Cli.Evaluation;

/// <summary>One prompt with the answer it should get.</summary>
/// <param name="Source">File and line, for errors.</param>
/// <param name="Domain">What the row is counted under.</param>
/// <param name="Prompt">The user's message; of a longer conversation all of its texts, a line each.</param>
/// <param name="Response">The right answer, trimmed; for a row with a frame, its canonical text.</param>
/// <param name="Frame">The right parse in the decoupled form, valid; null where the answer is plain text.</param>
/// <param name="Conversation">The messages to answer; null: the prompt alone.</param>
/// <param name="Tools">What the model may call; null: nothing.</param>
internal sealed record EvaluationRow(
    string Source,
    string Domain,
    string Prompt,
    string Response,
    FrameTree? Frame = null,
    IReadOnlyList<TemplateMessage>? Conversation = null,
    IReadOnlyList<ToolDeclaration>? Tools = null);
