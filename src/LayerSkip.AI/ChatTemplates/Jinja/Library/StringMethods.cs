using System.Collections.Frozen;
using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Library;

/// <summary>A method of strings.</summary>
internal delegate Value StringMethod(StringValue text, Arguments arguments, RenderBudget budget);

/// <summary>The methods of Python's <c>str</c> that templates use.</summary>
internal static class StringMethods
{
    private static readonly FrozenDictionary<string, StringMethod> s_methods = new Dictionary<string, StringMethod>
    {
        ["strip"] = (text, arguments, budget) => Strip("strip", text, arguments, left: true, right: true, budget),
        ["lstrip"] = (text, arguments, budget) => Strip("lstrip", text, arguments, left: true, right: false, budget),
        ["rstrip"] = (text, arguments, budget) => Strip("rstrip", text, arguments, left: false, right: true, budget),
        ["split"] = (text, arguments, budget) => Split("split", text, arguments, fromRight: false, budget),
        ["rsplit"] = (text, arguments, budget) => Split("rsplit", text, arguments, fromRight: true, budget),
        ["splitlines"] = SplitLines,
        ["partition"] = (text, arguments, budget) => Partition("partition", text, arguments, fromRight: false, budget),
        ["rpartition"] = (text, arguments, budget) => Partition("rpartition", text, arguments, fromRight: true, budget),
        ["startswith"] = (text, arguments, budget) => HasAffix("startswith", text, arguments, atStart: true, budget),
        ["endswith"] = (text, arguments, budget) => HasAffix("endswith", text, arguments, atStart: false, budget),
        ["removeprefix"] = RemovePrefix,
        ["removesuffix"] = RemoveSuffix,
        ["replace"] = Replace,
        ["join"] = Join,
        ["find"] = (text, arguments, budget) => Find("find", text, arguments, fromRight: false, budget),
        ["rfind"] = (text, arguments, budget) => Find("rfind", text, arguments, fromRight: true, budget),
        ["index"] = Index,
        ["count"] = Count,
        ["upper"] = (text, _, budget) => LetterCase.Upper(text, budget),
        ["lower"] = (text, _, budget) => LetterCase.Lower(text, budget),
        ["capitalize"] = (text, _, budget) => LetterCase.Capitalize(text, budget),
        ["title"] = (text, _, budget) => LetterCase.Title(text, budget),
        ["format"] = BraceFormat.Format,
        ["isdigit"] = (text, _, budget) => Consists(text, budget, char.IsDigit),
        ["isdecimal"] = (text, _, budget) => Consists(text, budget, char.IsDigit),
        ["isnumeric"] = (text, _, budget) => Consists(text, budget, char.IsNumber),
        ["isalpha"] = (text, _, budget) => Consists(text, budget, char.IsLetter),
        ["isalnum"] = (text, _, budget) => Consists(text, budget, char.IsLetterOrDigit),
        ["isspace"] = (text, _, budget) => Consists(text, budget, CodePoints.IsSpace),
        ["isupper"] = (text, _, budget) => IsInCase(text, budget, isUpper: true),
        ["islower"] = (text, _, budget) => IsInCase(text, budget, isUpper: false),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    public static StringMethod? Find(string name) => s_methods.GetValueOrDefault(name);

    /// <summary>Whether every cased letter has this case, and there is one.</summary>
    public static BooleanValue IsInCase(StringValue text, RenderBudget budget, bool isUpper)
    {
        budget.SpendCharacters(text.Text.Length);
        return BooleanValue.Of(text.Text.Any(isUpper ? char.IsUpper : char.IsLower) && !text.Text.Any(isUpper ? char.IsLower : char.IsUpper));
    }

    private static StringValue Strip(string name, StringValue text, Arguments arguments, bool left, bool right, RenderBudget budget) =>
        TextOperations.Strip(text, Parameters.OptionalText(arguments.Bind(name, "chars")[0], name, "chars"), left, right, budget);

    private static ListValue Split(string name, StringValue text, Arguments arguments, bool fromRight, RenderBudget budget)
    {
        var bound = arguments.Bind(name, "sep", "maxsplit");
        return TextSplitting.Split(text, Parameters.OptionalText(bound[0], name, "sep"), Parameters.Integer(bound[1], name, "maxsplit", fallback: -1), fromRight, budget);
    }

    private static ListValue SplitLines(StringValue text, Arguments arguments, RenderBudget budget) =>
        new(TextOperations.Lines(text, arguments.Bind("splitlines", "keepends")[0]?.IsTrue ?? false, budget));

    private static ListValue Partition(string name, StringValue text, Arguments arguments, bool fromRight, RenderBudget budget)
    {
        var separator = Parameters.Text(arguments.Bind(name, "sep")[0], name, "sep");
        var pieces = TextSplitting.Split(text, separator, limit: 1, fromRight, budget).Items;

        // The middle is cut from the text: the separator given may be of another origin.
        return new ListValue(
            pieces is [StringValue head, var tail] ? [head, text.Substring(head.Text.Length, separator.Text.Length, budget), tail]
            : fromRight ? [StringValue.Empty, StringValue.Empty, text]
            : [text, StringValue.Empty, StringValue.Empty],
            isTuple: true);
    }

    // The affix may be a tuple of strings, of which one is enough.
    private static BooleanValue HasAffix(string name, StringValue text, Arguments arguments, bool atStart, RenderBudget budget)
    {
        var argument = arguments.Bind(name, "affix")[0];
        var affixes = argument is ListValue { IsTuple: true } tuple ? tuple.Items : [Parameters.Text(argument, name, "affix")];
        foreach (var candidate in affixes)
        {
            var affix = Parameters.Text(candidate, name, "affix").Text;
            budget.SpendCharacters(affix.Length);
            if (atStart ? text.Text.StartsWith(affix, StringComparison.Ordinal) : text.Text.EndsWith(affix, StringComparison.Ordinal))
            {
                return BooleanValue.True;
            }
        }

        return BooleanValue.False;
    }

    private static StringValue RemovePrefix(StringValue text, Arguments arguments, RenderBudget budget)
    {
        var prefix = Parameters.Text(arguments.Bind("removeprefix", "prefix")[0], "removeprefix", "prefix").Text;
        budget.SpendCharacters(prefix.Length);
        return text.Text.StartsWith(prefix, StringComparison.Ordinal) ? text.Substring(prefix.Length, text.Text.Length - prefix.Length, budget) : text;
    }

    private static StringValue RemoveSuffix(StringValue text, Arguments arguments, RenderBudget budget)
    {
        var suffix = Parameters.Text(arguments.Bind("removesuffix", "suffix")[0], "removesuffix", "suffix").Text;
        budget.SpendCharacters(suffix.Length);
        return text.Text.EndsWith(suffix, StringComparison.Ordinal) ? text.Substring(0, text.Text.Length - suffix.Length, budget) : text;
    }

    private static StringValue Replace(StringValue text, Arguments arguments, RenderBudget budget)
    {
        var bound = arguments.Bind("replace", "old", "new", "count");
        return TextOperations.Replace(
            text,
            Parameters.Text(bound[0], "replace", "old"),
            Parameters.Text(bound[1], "replace", "new"),
            Parameters.Integer(bound[2], "replace", "count", fallback: -1),
            budget);
    }

    private static StringValue Join(StringValue text, Arguments arguments, RenderBudget budget)
    {
        var items = Sequences.Items(arguments.Bind("join", "iterable")[0] ?? throw new JinjaException("'join' needs a list."), budget);
        return items.FirstOrDefault(item => item is not StringValue) is { } other
            ? throw new JinjaException($"'join' joins strings, not '{other.TypeName}'.")
            : TextOperations.Join(items, text, budget);
    }

    private static IntegerValue Index(StringValue text, Arguments arguments, RenderBudget budget) =>
        Find("index", text, arguments, fromRight: false, budget) is { Number.Sign: >= 0 } position
            ? position
            : throw new JinjaException("'index' did not find the string.");

    private static IntegerValue Find(string name, StringValue text, Arguments arguments, bool fromRight, RenderBudget budget)
    {
        var sought = Parameters.Text(arguments.Bind(name, "sub")[0], name, "sub");
        budget.SpendSearch(text.Text, sought.Text);
        var offset = fromRight ? text.Text.LastIndexOf(sought.Text, StringComparison.Ordinal) : text.Text.IndexOf(sought.Text, StringComparison.Ordinal);
        return new IntegerValue(offset < 0 ? offset : text.CodePointAt(offset), Value.LeastTrusted(text.Origin, sought.Origin));
    }

    private static IntegerValue Count(StringValue text, Arguments arguments, RenderBudget budget)
    {
        var sought = Parameters.Text(arguments.Bind("count", "sub")[0], "count", "sub");
        budget.SpendSearch(text.Text, sought.Text);
        return new IntegerValue(
            sought.IsTrue ? text.Text.AsSpan().Count(sought.Text) : text.CodePointCount + 1,
            Value.LeastTrusted(text.Origin, sought.Origin));
    }

    private static BooleanValue Consists(StringValue text, RenderBudget budget, Func<char, bool> ofSuch)
    {
        budget.SpendCharacters(text.Text.Length);
        return BooleanValue.Of(text.IsTrue && text.Text.All(ofSuch));
    }
}
