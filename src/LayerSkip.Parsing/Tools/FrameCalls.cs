using LayerSkip.Parsing.Frames;
using Microsoft.Extensions.AI;

namespace LayerSkip.Parsing.Tools;

/// <summary>The tool calls that a frame still needs, given the results of those already made.</summary>
/// <remarks>
/// An intent in a slot of a called one is called first if it asks for a value (<c>GET_LOCATION_HOME</c>) and a tool can answer; the
/// result takes its place. One that does something (<c>remind me to [send a message]</c>) is what the outer one is about, and is never carried out.
/// </remarks>
internal sealed class FrameCalls
{
    private readonly ToolSet _tools;
    private readonly IReadOnlyDictionary<string, object?> _results;
    private readonly ArgumentWriter _writer;
    private readonly List<FrameCall> _ready = [];

    private FrameCalls(string utterance, ToolSet tools, IReadOnlyDictionary<string, object?> results)
    {
        _tools = tools;
        _results = results;
        _writer = new ArgumentWriter(new UtteranceText(utterance));
    }

    /// <summary>Why a call cannot be made, once <see cref="Next"/> has found so.</summary>
    private FrameRefusal? Refusal { get; set; }

    /// <summary>The calls that can be made now; none where all have their results.</summary>
    /// <param name="frame">A valid tree.</param>
    /// <param name="utterance">What was parsed.</param>
    /// <param name="tools">The tools there are.</param>
    /// <param name="results">The results so far, by <see cref="FrameCall.Path"/>.</param>
    /// <param name="refusal">Why there is none: no tool fits, or one requires what was not said.</param>
    public static IReadOnlyList<FrameCall> Next(
        FrameTree frame, string utterance, ToolSet tools, IReadOnlyDictionary<string, object?> results, out FrameRefusal? refusal)
    {
        var calls = new FrameCalls(utterance, tools, results);
        if (tools.Find(frame.Root) is { } tool)
        {
            calls.Call(frame.Root, tool, FrameCall.RootPath, out _);
        }
        else
        {
            calls.Refusal = new FrameRefusal { Answer = string.Empty, Intent = frame.Root };
        }

        refusal = calls.Refusal is { } found ? found with { Answer = frame.ToString(), Frame = frame, Tools = tools.Functions } : null;
        return refusal is null ? calls._ready : [];
    }

    /// <summary>Whether an intent asks for a value, as opposed to doing something.</summary>
    public static bool AsksForValue(FrameNode intent) => Names.Of(intent).StartsWith("GET_", StringComparison.Ordinal);

    /// <summary>Whether the call has its result; if not, makes it ready, or those that must come first.</summary>
    private bool Call(FrameNode intent, AIFunctionDeclaration tool, string path, out object? result)
    {
        if (_results.TryGetValue(path, out result))
        {
            return true;
        }

        var parameters = ToolParameter.Of(tool);
        var values = parameters.ToDictionary(static parameter => parameter.Name, static _ => new List<object>());
        var complete = true;
        for (var i = 0; i < intent.Children.Length; i++)
        {
            // Direct words of an intent carry no meaning, and a slot that the tool does not take is not for it.
            var slot = intent.Children[i];
            if (slot.Kind == FrameNodeKind.Slot && parameters.FirstOrDefault(parameter => Names.Same(parameter.Name, Names.Of(slot))) is { } parameter)
            {
                object? value = slot;
                if (slot.Children is [{ Kind: FrameNodeKind.Intent } nested] && AsksForValue(nested) && _tools.Find(nested) is { } nestedTool)
                {
                    complete &= Call(nested, nestedTool, $"{path}-{i}", out value);
                }

                values[parameter.Name].Add(value ?? string.Empty);
            }
        }

        if (complete && Arguments(intent, tool, parameters, values) is { } arguments)
        {
            _ready.Add(new FrameCall(path, tool, arguments));
        }

        return false;
    }

    private Dictionary<string, object?>? Arguments(
        FrameNode intent, AIFunctionDeclaration tool, IReadOnlyList<ToolParameter> parameters, Dictionary<string, List<object>> values)
    {
        var arguments = new Dictionary<string, object?>();
        var missing = new List<string>();
        var unreadable = new Dictionary<string, string>();
        foreach (var parameter in parameters)
        {
            if (values[parameter.Name] is { Count: > 0 } held && _writer.Write(parameter, held) is { } argument)
            {
                arguments[parameter.Name] = argument;
            }
            else
            {
                // What takes no time is done without a figure, but a reminder without its time is not what was asked for.
                if (values[parameter.Name] is { Count: > 0 } words && (parameter.IsMoment || (parameter.IsRequired && !parameter.Takes("null"))))
                {
                    unreadable[parameter.Name] = _writer.Words(words);
                }

                if (parameter.IsRequired && parameter.Takes("null"))
                {
                    arguments[parameter.Name] = null;
                }
                else if (parameter.IsRequired)
                {
                    missing.Add(parameter.Name);
                }
            }
        }

        if (missing.Count > 0 || unreadable.Count > 0)
        {
            Refusal ??= new FrameRefusal
            {
                Answer = string.Empty, Intent = intent, Tool = tool, MissingParameters = missing, UnreadableParameters = unreadable,
            };
            return null;
        }

        return arguments;
    }
}
