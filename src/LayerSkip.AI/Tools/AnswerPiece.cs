using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Tools;

/// <summary>A stretch of an answer: text, or a call and how it was written.</summary>
internal readonly record struct AnswerPiece(string Text, FunctionCallContent? Call = null);
