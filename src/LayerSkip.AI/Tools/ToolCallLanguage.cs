using System.Text.Json;
using LayerSkip.AI.Requests;
using LayerSkip.AI.StructuredOutput;
using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Constraints.Json;

namespace LayerSkip.AI.Tools;

/// <summary>The answers to a request with tools: once the model begins a call, it can only write a call of some tool, with arguments of its schema.</summary>
internal sealed class ToolCallLanguage
{
    // Characters: an automaton of text that begins no call has a state for each, of a kilobyte.
    private const int MaxBeginnings = 4000;

    private readonly ToolChoice _tools;
    private readonly ToolCallSyntax _syntax;
    private readonly int? _announcement;
    private readonly AnswerFormat? _format;
    private readonly AnswerReasoning? _reasoning;
    private readonly UnsupportedOptions _unsupported;

    /// <param name="tools">The tools, at least one.</param>
    /// <param name="syntax">How calls are written.</param>
    /// <param name="announcement">The special token that may stand before the first call of the model's own accord; null: none.</param>
    /// <param name="format">The form of an answer without a call; null: text.</param>
    /// <param name="reasoning">What reasoning comes before it; null: none.</param>
    /// <param name="unsupported">Told of what the arguments are not held to.</param>
    public ToolCallLanguage(
        ToolChoice tools, ToolCallSyntax syntax, int? announcement, AnswerFormat? format, AnswerReasoning? reasoning, UnsupportedOptions unsupported)
    {
        (_tools, _syntax, _announcement, _format, _reasoning, _unsupported) = (tools, syntax, announcement, format, reasoning, unsupported);
        var names = string.Join(',', tools.Callable.Select(tool => JsonText.Quote(tool.Name)));
        var declarations = string.Join('\n', tools.Declared.Select(tool => tool.Json.GetRawText()));
        Key = $"{ReasoningLanguage.Key(reasoning)}tools:{syntax.Opening}:{syntax.ArgumentsName}:{tools.IsRequired}:{tools.IsSingle}:{names}\n{declarations}\n{format?.Key}";
    }

    /// <summary>Equal for equal languages.</summary>
    public string Key { get; }

    /// <summary>The answers.</summary>
    /// <exception cref="ArgumentException">No JSON object satisfies a tool's schema, or no value that of the answer.</exception>
    public GrammarNode Language(Grammar grammar)
    {
        var calls = _tools.Callable.Count == 0 ? grammar.Nothing : Calls(grammar);
        if (_announcement is { } announcement && !_tools.IsRequired)
        {
            calls = grammar.Sequence(grammar.Optional(grammar.SpecialToken(announcement)), calls);
        }

        var format = _format?.Language(grammar);
        return ReasoningLanguage.Before(grammar, _reasoning, _tools.IsRequired || format is not null, Answers);

        GrammarNode Answers(bool isBehind)
        {
            var breaks = isBehind ? grammar.OneOf(ReasoningLanguage.Breaks) : grammar.Empty;
            var opening = grammar.Literal(_syntax.Opening ?? string.Empty);
            if (_tools.IsRequired || format is not null)
            {
                var called = grammar.Sequence(opening, calls);
                return grammar.Sequence(breaks, _tools.IsRequired ? called : grammar.Choice(format!, called));
            }

            return _syntax.Opening is null
                ? grammar.Choice(grammar.TextNotBeginningWith(Beginnings(isBehind)), grammar.Sequence(breaks, calls))
                : grammar.Choice(grammar.TextWithout(_syntax.Opening), grammar.Sequence(grammar.TextUntil(_syntax.Opening), calls));
        }
    }

    /// <summary>One or more calls; the first one's opening mark has been written.</summary>
    private GrammarNode Calls(Grammar grammar)
    {
        var json = new JsonGrammar(grammar, JsonLayout.Spaced);
        var call = grammar.Choice([.. _tools.Callable.Select(tool => Call(json, tool))]);
        var more = _tools.IsSingle ? grammar.Empty : grammar.Repeat(grammar.Sequence(grammar.Literal(_syntax.Between), call));
        return grammar.Sequence(grammar.OneOf(_syntax.BehindOpening), call, more, grammar.Literal(_syntax.After));
    }

    private GrammarNode Call(JsonGrammar json, ToolDeclaration tool)
    {
        // A model that calls of its own accord has habits that had better be followed.
        var heads = _tools.IsRequired ? [_syntax.Head(tool.Name)] : _syntax.Heads(tool.Name);
        try
        {
            return json.Grammar.Sequence(json.Grammar.OneOf(heads), Arguments(json, tool), json.Grammar.Literal("}"));
        }
        catch (ArgumentException exception)
        {
            throw new ArgumentException($"ChatOptions.Tools: the parameters of '{tool.Name}': {exception.Message}", exception);
        }
    }

    private GrammarNode Arguments(JsonGrammar json, ToolDeclaration tool)
    {
        var arguments = json.Schema(OfObjects(tool.Parameters), out var leftOut);
        _unsupported.ReportLeftOut($"the parameters of '{tool.Name}' in ChatOptions.Tools", leftOut);
        return arguments;
    }

    /// <summary>How a call begins that no mark announces. Text that begins so is a call from there on.</summary>
    /// <param name="isBehind">Whether reasoning comes before it, and line breaks that count as nothing.</param>
    private string[] Beginnings(bool isBehind)
    {
        string[] heads = [.. _tools.Declared.SelectMany(tool => _syntax.Heads(tool.Name))];
        string[] beginnings = Behind(heads);
        return beginnings.Sum(text => text.Length) <= MaxBeginnings ? beginnings : Behind(_syntax.HeadsBeforeName);

        string[] Behind(IReadOnlyList<string> heads) => isBehind
            ? [.. ReasoningLanguage.Breaks.SelectMany(breaks => heads.Append("\r").Select(head => breaks + head)), ReasoningLanguage.Breaks[^1] + "\n"]
            : [.. heads];
    }

    /// <summary>The schema for objects alone: arguments are nothing else, even where a schema does not say so.</summary>
    private static JsonElement OfObjects(JsonElement schema) => JsonElement.Parse(JsonText.Write(writer =>
    {
        writer.WriteStartObject();
        writer.WriteString("type", "object");
        foreach (var keyword in schema.EnumerateObject())
        {
            if (keyword.Name != "type")
            {
                keyword.WriteTo(writer);
            }
        }

        writer.WriteEndObject();
    }));
}
