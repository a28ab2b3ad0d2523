using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Library;

/// <summary>Filters on texts; any other input is printed first.</summary>
internal static class TextFilters
{
    private static readonly (string Character, string Entity)[] s_entities =
        [("&", "&amp;"), (">", "&gt;"), ("<", "&lt;"), ("'", "&#39;"), ("\"", "&#34;")];

    public static Value Trim(Value input, Arguments arguments, RenderBudget budget) => TextOperations.Strip(
        PythonText.ToText(input, budget),
        Parameters.OptionalText(arguments.Bind("trim", "chars")[0], "trim", "chars"),
        left: true,
        right: true,
        budget);

    public static Value Replace(Value input, Arguments arguments, RenderBudget budget)
    {
        var bound = arguments.Bind("replace", "old", "new", "count");
        return TextOperations.Replace(
            PythonText.ToText(input, budget),
            Required(bound[0], "old", budget),
            Required(bound[1], "new", budget),
            Parameters.Integer(bound[2], "replace", "count", fallback: -1),
            budget);
    }

    public static Value Indent(Value input, Arguments arguments, RenderBudget budget)
    {
        var bound = arguments.Bind("indent", "width", "first", "blank");
        var indent = new StringValueBuilder(budget);
        if (bound[0] is StringValue given)
        {
            indent.Append(given);
        }
        else
        {
            indent.AppendRepeated(" ", Parameters.Integer(bound[0], "indent", "width", fallback: 4), PromptOrigin.Template);
        }

        return TextOperations.Indent(PythonText.ToText(input, budget), indent.ToValue(), bound[1]?.IsTrue ?? false, bound[2]?.IsTrue ?? false, budget);
    }

    public static Value Format(Value input, Arguments arguments, RenderBudget budget)
    {
        if (arguments.Positional.Count > 0 && arguments.Named.Count > 0)
        {
            throw new JinjaException("'format' takes positional or named arguments, not both.");
        }

        Value values = arguments.Named.Count == 0
            ? new ListValue(arguments.Positional, isTuple: true)
            : DictValue.Create(arguments.NamedEntries, budget);
        return PercentFormat.Format(PythonText.ToText(input, budget), values, budget);
    }

    public static Value Escape(Value input, Arguments arguments, RenderBudget budget)
    {
        var text = PythonText.ToText(input, budget);
        foreach (var (character, entity) in s_entities)
        {
            text = TextOperations.Replace(text, StringValue.Of(character, PromptOrigin.Template), StringValue.Of(entity, text.Origin), limit: -1, budget);
        }

        return text;
    }

    public static Value WordCount(Value input, Arguments arguments, RenderBudget budget)
    {
        var text = PythonText.ToText(input, budget);
        budget.SpendCharacters(text.Text.Length);
        var count = 0;
        for (var i = 0; i < text.Text.Length; i++)
        {
            count += IsWord(text.Text[i]) && (i == 0 || !IsWord(text.Text[i - 1])) ? 1 : 0;
        }

        return new IntegerValue(count, text.Origin);

        static bool IsWord(char character) => char.IsLetterOrDigit(character) || character == '_';
    }

    private static StringValue Required(Value? argument, string name, RenderBudget budget) =>
        PythonText.ToText(argument ?? throw new JinjaException($"'replace' needs the argument '{name}'."), budget);
}
