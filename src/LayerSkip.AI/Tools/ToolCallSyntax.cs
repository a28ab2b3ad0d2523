using LayerSkip.AI.ChatTemplates;

namespace LayerSkip.AI.Tools;

/// <summary>The marks around a call, and how its JSON begins.</summary>
internal sealed class ToolCallSyntax
{
    private const string NameMember = """{"name": """;

    private static readonly ToolCallSyntax s_tagged = new()
    {
        Opening = "<tool_call>", Closing = "</tool_call>", HeadsBeforeName = [NameMember], ArgumentsName = "arguments",
    };

    private static readonly ToolCallSyntax s_bare = new()
    {
        Separator = ";",
        Announcement = "<|python_tag|>",
        HeadsBeforeName = [NameMember, """{"name":""", """{"type": "function", "name": """, """{"type":"function","name":"""],
        ArgumentsName = "parameters",
    };

    private static readonly ToolCallSyntax s_listed = new() { Opening = "[TOOL_CALLS]", IsList = true, HeadsBeforeName = [NameMember], ArgumentsName = "arguments" };

    private ToolCallSyntax()
    {
    }

    /// <summary>What begins a call anywhere in an answer. Null: a call is a JSON object at the answer's start.</summary>
    public string? Opening { get; private init; }

    /// <summary>A special token, which has no text, that models may write before the first call; null: none.</summary>
    public string? Announcement { get; private init; }

    /// <summary>What ends a call, or null.</summary>
    public string? Closing { get; private init; }

    /// <summary>Whether calls are a JSON array behind one opening mark, and their ids short.</summary>
    public bool IsList { get; private init; }

    /// <summary>What stands between two calls beside white space, or null.</summary>
    public string? Separator { get; private init; }

    /// <summary>The member with the arguments.</summary>
    public required string ArgumentsName { get; init; }

    /// <summary>How a call's JSON may begin, up to the tool's name: as a rule the first way, and in others that models have.</summary>
    public required IReadOnlyList<string> HeadsBeforeName { get; init; }

    /// <summary>The marks around a call.</summary>
    public IEnumerable<string> Marks => ((string?[])[Opening, Closing]).OfType<string>();

    /// <summary>What may stand between the opening mark and the first call's JSON: as a rule the first of these.</summary>
    public IReadOnlyList<string> BehindOpening => IsList ? [" [", "["] : Opening is null ? [string.Empty] : ["\n"];

    /// <summary>All that stands before the first call's JSON.</summary>
    public string Before => Opening + BehindOpening[0];

    /// <summary>All that stands between two calls' JSON.</summary>
    public string Between => IsList ? ", " : Separator is null ? After + "\n" + Before : Separator + " ";

    /// <summary>All that stands after the last call's JSON.</summary>
    public string After => IsList ? "]" : Closing is null ? string.Empty : "\n" + Closing;

    public static ToolCallSyntax Of(ToolCallFormat format) => format switch
    {
        ToolCallFormat.Llama3Json => s_bare,
        ToolCallFormat.Mistral => s_listed,
        _ => s_tagged,
    };

    /// <summary>A call's id, as the model's template takes it.</summary>
    public string NewId() => Guid.NewGuid().ToString("N") is var id && IsList ? id[..ShortCallIds.Length] : "call_" + id;

    /// <summary>How a call's JSON begins as a rule, up to the arguments.</summary>
    public string Head(string name) => Head(NameMember, name);

    /// <summary>How a call's JSON may begin, up to the arguments.</summary>
    public IEnumerable<string> Heads(string name) => HeadsBeforeName.Select(head => Head(head, name));

    /// <summary>A call as the model writes it.</summary>
    public string Write(string name, string arguments) => Before + Json(name, arguments) + After;

    /// <summary>Several calls as the model writes them.</summary>
    public string Write(IEnumerable<TemplateToolCall> calls) =>
        Before + string.Join(Between, calls.Select(call => Json(call.Name, JsonText.Write(call.Arguments.WriteTo)))) + After;

    private string Json(string name, string arguments) => Head(name) + arguments + "}";

    private string Head(string beforeName, string name)
    {
        var space = beforeName.EndsWith(' ') ? " " : string.Empty;
        return $"{beforeName}{JsonText.Quote(name)},{space}\"{ArgumentsName}\":{space}";
    }
}
