using System.Collections.Frozen;
using System.Numerics;
using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Library;

/// <summary>A test: what stands after <c>is</c>.</summary>
internal delegate bool Test(Value value, Arguments arguments, RenderBudget budget);

/// <summary>The tests by name.</summary>
internal static class Tests
{
    private static readonly FrozenDictionary<string, Test> s_tests = new Dictionary<string, Test>
    {
        ["defined"] = (value, _, _) => value is not UndefinedValue,
        ["undefined"] = (value, _, _) => value is UndefinedValue,
        ["none"] = (value, _, _) => value is NoneValue,
        ["boolean"] = (value, _, _) => value is BooleanValue,
        ["true"] = (value, _, _) => value == BooleanValue.True,
        ["false"] = (value, _, _) => value == BooleanValue.False,
        ["integer"] = (value, _, _) => value is IntegerValue,
        ["float"] = (value, _, _) => value is FloatValue,
        ["number"] = (value, _, _) => value is IntegerValue or FloatValue or BooleanValue,
        ["string"] = (value, _, _) => value is StringValue,
        ["mapping"] = (value, _, _) => value is DictValue,
        ["sequence"] = (value, _, _) => Sequences.IsIterable(value),
        ["iterable"] = (value, _, _) => Sequences.IsIterable(value),
        ["callable"] = (value, _, _) => value is CallableValue,
        ["sameas"] = (value, arguments, budget) => ReferenceEquals(value, Other("sameas", arguments)),
        ["odd"] = (value, _, _) => !Integer("odd", value).IsEven,
        ["even"] = (value, _, _) => Integer("even", value).IsEven,
        ["divisibleby"] = IsDivisible,
        ["upper"] = (value, _, budget) => StringMethods.IsInCase(PythonText.ToText(value, budget), budget, isUpper: true).IsTrue,
        ["lower"] = (value, _, budget) => StringMethods.IsInCase(PythonText.ToText(value, budget), budget, isUpper: false).IsTrue,
        ["filter"] = (value, _, budget) => value is StringValue name && Filters.Exists(name.Text, budget),
        ["test"] = (value, _, budget) => value is StringValue name && Exists(name.Text, budget),
        ["equalto"] = Compare("=="),
        ["eq"] = Compare("=="),
        ["=="] = Compare("=="),
        ["ne"] = Compare("!="),
        ["!="] = Compare("!="),
        ["greaterthan"] = Compare(">"),
        ["gt"] = Compare(">"),
        [">"] = Compare(">"),
        ["ge"] = Compare(">="),
        [">="] = Compare(">="),
        ["lessthan"] = Compare("<"),
        ["lt"] = Compare("<"),
        ["<"] = Compare("<"),
        ["le"] = Compare("<="),
        ["<="] = Compare("<="),
        ["in"] = Compare("in"),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    public static Test Find(string name) =>
        s_tests.TryGetValue(name, out var test) ? test : throw new JinjaException($"there is no test {JinjaException.Quote(name)}.");

    private static bool Exists(string name, RenderBudget budget)
    {
        budget.SpendCharacters(name.Length);
        return s_tests.ContainsKey(name);
    }

    private static bool IsDivisible(Value value, Arguments arguments, RenderBudget budget)
    {
        var other = Other("divisibleby", arguments);
        budget.SpendCharacters(Numbers.Length(value) + Numbers.Length(other));
        return Integer("divisibleby", other) is var divisor && !divisor.IsZero
            ? (Integer("divisibleby", value) % divisor).IsZero
            : throw new JinjaException("division by zero.");
    }

    private static Test Compare(string operation) =>
        (value, arguments, budget) => Comparison.Holds(operation, value, Other(operation, arguments), budget);

    private static Value Other(string test, Arguments arguments) =>
        arguments.Bind(test, "other")[0] ?? throw new JinjaException($"the test '{test}' needs an argument.");

    private static BigInteger Integer(string test, Value value) => Numbers.TryInteger(value, out var number)
        ? number
        : throw new JinjaException($"the test '{test}' needs an integer, not '{value.TypeName}'.");
}
