using System.Collections.Frozen;
using LayerSkip.Parsing.Frames;
using Microsoft.Extensions.AI;

namespace LayerSkip.Parsing.Tools;

/// <summary>Why a parser's answer became no tool call.</summary>
public sealed record FrameRefusal
{
    private const int MaxNamedTools = 8;

    /// <summary>What the parser wrote; empty where nothing was asked.</summary>
    public required string Answer { get; init; }

    /// <summary>Whether the limit of tokens, or the end of the context, has cut the answer short.</summary>
    public bool IsCutShort { get; init; }

    /// <summary>The frame; null where it was cut short, the answer is none, or breaks the rules of <see cref="FrameTree.Validate"/>.</summary>
    public FrameTree? Frame { get; init; }

    /// <summary>The intent that could not be called: the frame's root, or one in its slots whose result it needs. Null where there is no frame.</summary>
    public FrameNode? Intent { get; init; }

    /// <summary>The tool that <see cref="Intent"/> asks for; null where there is none.</summary>
    public AIFunctionDeclaration? Tool { get; init; }

    /// <summary>The parameters that <see cref="Tool"/> requires and <see cref="Intent"/> has no fitting slot for.</summary>
    public IReadOnlyList<string> MissingParameters { get; init; } = [];

    /// <summary>
    /// The words of slots that cannot be what a parameter of <see cref="Tool"/> takes, by the parameter's name: "at 5 pm" where the schema has
    /// <c>date-time</c>. Those of required parameters that do not take null are among <see cref="MissingParameters"/> too.
    /// </summary>
    public IReadOnlyDictionary<string, string> UnreadableParameters { get; init; } = FrozenDictionary<string, string>.Empty;

    /// <summary>The tools that the request let be called; empty where there was no frame to find one for.</summary>
    public IReadOnlyList<AIFunctionDeclaration> Tools { get; init; } = [];

    /// <summary>A sentence or two for the user, in English.</summary>
    public override string ToString() =>
        IsCutShort ? "Sorry, there was no room to say all that I understood."
        : (Intent ?? Frame?.Root) is not { } intent ? "Sorry, I did not understand that."
        : Tool is null ? $"Sorry, I cannot do that ({Names.Spoken(intent)}).{KnownTools()}"
        : UnreadableParameters.Count > 0 ? $"Sorry, to {Names.Spoken(intent)}, I cannot read {string.Join(" and ", UnreadableParameters.Select(static unread => $"\"{unread.Value}\" as {unread.Key}"))}{StillMissing()}."
        : $"Please say more: to {Names.Spoken(intent)}, I need {string.Join(" and ", MissingParameters)}.";

    private string StillMissing()
    {
        string[] missing = [.. MissingParameters.Where(parameter => !UnreadableParameters.ContainsKey(parameter))];
        return missing.Length == 0 ? string.Empty : $", and I need {string.Join(" and ", missing)}";
    }

    private string KnownTools() => Tools.Count == 0
        ? string.Empty
        : $" My tools: {string.Join(", ", Tools.Take(MaxNamedTools).Select(static tool => tool.Name))}{(Tools.Count > MaxNamedTools ? $" and {Tools.Count - MaxNamedTools} more" : string.Empty)}.";
}
