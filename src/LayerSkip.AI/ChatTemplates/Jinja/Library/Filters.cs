using System.Collections.Frozen;
using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Library;

/// <summary>A filter: what stands after <c>|</c>.</summary>
internal delegate Value Filter(Value input, Arguments arguments, RenderBudget budget);

/// <summary>The filters by name.</summary>
/// <remarks>Output is never escaped (transformers renders without autoescape), so <c>safe</c> changes nothing.</remarks>
internal static class Filters
{
    private static readonly FrozenDictionary<string, Filter> s_filters = new Dictionary<string, Filter>
    {
        ["trim"] = TextFilters.Trim,
        ["upper"] = (input, _, budget) => LetterCase.Upper(PythonText.ToText(input, budget), budget),
        ["lower"] = (input, _, budget) => LetterCase.Lower(PythonText.ToText(input, budget), budget),
        ["capitalize"] = (input, _, budget) => LetterCase.Capitalize(PythonText.ToText(input, budget), budget),
        ["title"] = (input, _, budget) => LetterCase.TitleAfterBreaks(PythonText.ToText(input, budget), budget),
        ["replace"] = TextFilters.Replace,
        ["indent"] = TextFilters.Indent,
        ["format"] = TextFilters.Format,
        ["string"] = (input, _, budget) => PythonText.ToText(input, budget),
        ["safe"] = (input, _, budget) => PythonText.ToText(input, budget),
        ["escape"] = TextFilters.Escape,
        ["e"] = TextFilters.Escape,
        ["wordcount"] = TextFilters.WordCount,
        ["tojson"] = PythonJson.Write,

        ["length"] = ListFilters.Length,
        ["count"] = ListFilters.Length,
        ["first"] = ListFilters.First,
        ["last"] = ListFilters.Last,
        ["list"] = (input, _, budget) => new ListValue(Sequences.Items(input, budget)),
        ["join"] = ListFilters.Join,
        ["reverse"] = ListFilters.Reverse,
        ["sort"] = ListFilters.Sort,
        ["unique"] = ListFilters.Unique,
        ["min"] = (input, arguments, budget) => ListFilters.Extreme("min", input, arguments, sign: -1, budget),
        ["max"] = (input, arguments, budget) => ListFilters.Extreme("max", input, arguments, sign: 1, budget),
        ["sum"] = ListFilters.Sum,
        ["items"] = ListFilters.Items,
        ["dictsort"] = ListFilters.DictSort,

        ["map"] = SelectionFilters.Map,
        ["select"] = (input, arguments, budget) => SelectionFilters.Select(input, arguments, keep: true, budget),
        ["reject"] = (input, arguments, budget) => SelectionFilters.Select(input, arguments, keep: false, budget),
        ["selectattr"] = (input, arguments, budget) => SelectionFilters.SelectByAttribute("selectattr", input, arguments, keep: true, budget),
        ["rejectattr"] = (input, arguments, budget) => SelectionFilters.SelectByAttribute("rejectattr", input, arguments, keep: false, budget),
        ["attr"] = SelectionFilters.Attribute,
        ["default"] = SelectionFilters.Default,
        ["d"] = SelectionFilters.Default,

        ["int"] = NumberFilters.ToInteger,
        ["float"] = NumberFilters.ToFloat,
        ["abs"] = NumberFilters.Absolute,
        ["round"] = NumberFilters.Round,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    public static Filter Find(string name) =>
        s_filters.TryGetValue(name, out var filter) ? filter : throw new JinjaException($"there is no filter {JinjaException.Quote(name)}.");

    public static bool Exists(string name, RenderBudget budget)
    {
        budget.SpendCharacters(name.Length);
        return s_filters.ContainsKey(name);
    }
}
