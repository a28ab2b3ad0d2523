using LayerSkip.AI.ChatTemplates.Jinja.Evaluation;
using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Library;

/// <summary>The functions that every template may call.</summary>
internal static class GlobalFunctions
{
    private const int MaxRefusalLength = 1000;

    /// <summary>The outermost scope of a rendering.</summary>
    public static Scope CreateScope(TimeProvider time, RenderBudget rendering)
    {
        var scope = new Scope(enclosing: null);
        Define("range", Range);
        Define("namespace", Namespace);
        Define("dict", (arguments, budget) => DictValue.Create(Entries("dict", arguments, budget), budget));
        Define("raise_exception", RaiseException);
        Define("strftime_now", (arguments, budget) => Now(time, arguments, budget));
        return scope;

        void Define(string name, Func<Arguments, RenderBudget, Value> body) => scope.Set(name, new FunctionValue(name, body), rendering);
    }

    private static ListValue Range(Arguments arguments, RenderBudget budget)
    {
        var bounds = arguments.Bind("range", "start", "stop", "step")
            .Where(bound => bound is not null)
            .Select(bound => (long)Numbers.ToInt32(bound!, "an argument of 'range'"))
            .ToArray();
        var (start, stop, step) = bounds switch
        {
            [var only] => (0, only, 1),
            [var first, var last] => (first, last, 1),
            [var first, var last, var stride and not 0] => (first, last, stride),
            _ => throw new JinjaException("'range' needs one to three integers, the third not 0."),
        };
        var span = step > 0 ? stop - start : start - stop;
        var count = span <= 0 ? 0 : ((span - 1) / Math.Abs(step)) + 1;
        budget.SpendItems(count);
        budget.Spend(count);
        var origin = arguments.Positional.Aggregate(PromptOrigin.Template, (least, bound) => Value.LeastTrusted(least, bound.Origin));
        return new ListValue([.. Enumerable.Range(0, (int)count).Select(i => new IntegerValue(start + (i * step), origin))]);
    }

    private static NamespaceValue Namespace(Arguments arguments, RenderBudget budget)
    {
        var space = new NamespaceValue();
        foreach (var (key, value) in Entries("namespace", arguments, budget))
        {
            var name = key as StringValue ?? throw new JinjaException("the keys of the dict that 'namespace' takes must be strings.");
            space.Set(name.Text, value, budget);
        }

        return space;
    }

    // A dict or pairs, if given, and then the named arguments.
    private static IEnumerable<KeyValuePair<Value, Value>> Entries(string callee, Arguments arguments, RenderBudget budget)
    {
        return arguments.Positional switch
        {
            [] => arguments.NamedEntries,
            [DictValue dict] => [.. EntriesOf(dict), .. arguments.NamedEntries],
            [var pairs] => [.. Sequences.Items(pairs, budget).Select(Pair), .. arguments.NamedEntries],
            _ => throw new JinjaException($"'{callee}' takes one dict or list of pairs, and named arguments."),
        };

        IReadOnlyCollection<KeyValuePair<Value, Value>> EntriesOf(DictValue dict)
        {
            budget.SpendItems(dict.Entries.Count);
            return dict.Entries;
        }

        KeyValuePair<Value, Value> Pair(Value pair) => pair is ListValue { Items: [var key, var value] }
            ? KeyValuePair.Create(key, value)
            : throw new JinjaException($"'{callee}' takes pairs, not '{pair.TypeName}'.");
    }

    private static Value RaiseException(Arguments arguments, RenderBudget budget)
    {
        var message = JinjaException.Shorten(
            PythonText.ToText(arguments.Bind("raise_exception", "message")[0] ?? StringValue.Empty, budget).Text, MaxRefusalLength);
        throw new JinjaException($"the template refuses the conversation: {message}", refusal: message);
    }

    private static StringValue Now(TimeProvider time, Arguments arguments, RenderBudget budget)
    {
        var format = Parameters.Text(arguments.Bind("strftime_now", "format")[0], "strftime_now", "format");
        return StringValue.Of(Strftime.Format(format.Text, time.GetLocalNow(), budget), format.Origin);
    }
}
