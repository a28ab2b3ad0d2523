using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Library;

/// <summary>Filters that pick or map items by an attribute, a filter or a test.</summary>
internal static class SelectionFilters
{
    /// <summary><c>map('upper')</c> or <c>map(attribute='name', default='')</c>.</summary>
    public static Value Map(Value input, Arguments arguments, RenderBudget budget)
    {
        var items = ItemsOrNone(input, budget);
        if (arguments.Positional.Count > 0)
        {
            var filter = Filters.Find(Parameters.Text(arguments.Positional[0], "map", "filter").Text);
            var rest = arguments.From(1);
            return Each(items, item => filter(item, rest, budget), budget);
        }

        var bound = arguments.Bind("map", "attribute", "default");
        var path = AttributePath.Parse(bound[0] ?? throw new JinjaException("'map' needs a filter's name or an attribute."), budget);
        return Each(items, item => path.Read(item, budget, fallback: bound[1]), budget);
    }

    /// <summary><c>select('string')</c>; without a test, the items that are true.</summary>
    public static Value Select(Value input, Arguments arguments, bool keep, RenderBudget budget)
    {
        var test = TestAt(arguments, position: 0, budget);
        return Where(input, item => test(item) == keep, budget);
    }

    /// <summary><c>selectattr('role', 'equalto', 'user')</c></summary>
    public static Value SelectByAttribute(string name, Value input, Arguments arguments, bool keep, RenderBudget budget)
    {
        if (arguments.Positional.Count == 0)
        {
            throw new JinjaException($"'{name}' needs an attribute's name.");
        }

        var path = AttributePath.Parse(arguments.Positional[0], budget);
        var test = TestAt(arguments, position: 1, budget);
        return Where(input, item => test(path.Read(item, budget)) == keep, budget);
    }

    public static Value Attribute(Value input, Arguments arguments, RenderBudget budget) =>
        Members.Attribute(input, Parameters.Text(arguments.Bind("attr", "name")[0], "attr", "name").Text, budget);

    public static Value Default(Value input, Arguments arguments, RenderBudget budget)
    {
        var bound = arguments.Bind("default", "default_value", "boolean");
        var isMissing = input is UndefinedValue || ((bound[1]?.IsTrue ?? false) && !input.IsTrue);
        return isMissing ? bound[0] ?? StringValue.Empty : input;
    }

    private static Func<Value, bool> TestAt(Arguments arguments, int position, RenderBudget budget)
    {
        if (arguments.Positional.Count <= position)
        {
            return static item => item.IsTrue;
        }

        var test = Tests.Find(Parameters.Text(arguments.Positional[position], "select", "test").Text);
        var rest = arguments.From(position + 1);
        return item => test(item, rest, budget);
    }

    // These filters take whatever is false for an empty list: none | map('upper') is [].
    private static IReadOnlyList<Value> ItemsOrNone(Value input, RenderBudget budget) => input.IsTrue ? Sequences.Items(input, budget) : [];

    private static ListValue Where(Value input, Func<Value, bool> holds, RenderBudget budget) => new([.. ItemsOrNone(input, budget).Where(item =>
    {
        budget.Spend(1);
        return holds(item);
    })]);

    private static ListValue Each(IReadOnlyList<Value> items, Func<Value, Value> convert, RenderBudget budget) => new([.. items.Select(item =>
    {
        budget.Spend(1);
        return convert(item);
    })]);
}
