using LayerSkip.Parsing.Frames;
using Microsoft.Extensions.AI;

namespace LayerSkip.Parsing.Tools;

/// <summary>Why a parser's answer became no tool call.</summary>
public sealed record FrameRefusal
{
    /// <summary>What the parser wrote; empty where nothing was asked.</summary>
    public required string Answer { get; init; }

    /// <summary>The frame; null where the answer is none, or breaks the rules of <see cref="FrameTree.Validate"/>.</summary>
    public FrameTree? Frame { get; init; }

    /// <summary>The tool that the frame asks for; null where there is none.</summary>
    public AIFunctionDeclaration? Tool { get; init; }

    /// <summary>The parameters that <see cref="Tool"/> requires and the frame has no fitting slot for.</summary>
    public IReadOnlyList<string> MissingParameters { get; init; } = [];

    /// <summary>A sentence for the user, in English.</summary>
    public override string ToString() =>
        Frame is null ? "Sorry, I did not understand that."
        : Tool is null ? $"Sorry, I cannot do that ({Names.Spoken(Frame.Root)})."
        : $"Please say more: to {Names.Spoken(Frame.Root)}, I need {string.Join(" and ", MissingParameters)}.";
}
