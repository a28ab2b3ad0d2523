using Microsoft.Extensions.AI;

namespace LayerSkip.Parsing.Tools;

/// <summary>A call of one of a frame's intents.</summary>
/// <param name="Path">Where in the frame the intent stands: the root is <see cref="RootPath"/>, an intent in its third child <c>0-2</c>.</param>
/// <param name="Tool">What is called.</param>
/// <param name="Arguments">With what.</param>
internal sealed record FrameCall(string Path, AIFunctionDeclaration Tool, Dictionary<string, object?> Arguments)
{
    public const string RootPath = "0";
}
