using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Library;

/// <summary><c>value[start:stop:step]</c> of lists and strings, by Python's rules.</summary>
internal static class Slicing
{
    public static Value Slice(Value target, int? start, int? stop, int? step, RenderBudget budget)
    {
        if (target is UndefinedValue undefined)
        {
            throw undefined.Error();
        }

        if (target is not (ListValue or StringValue))
        {
            throw new JinjaException($"a value of type '{target.TypeName}' cannot be sliced.");
        }

        var (first, count, stride) = Resolve(start, stop, step ?? 1, Sequences.Count(target)!.Value);
        if (target is StringValue text)
        {
            return SliceText(text, first, count, stride, budget);
        }

        var list = (ListValue)target;
        budget.SpendItems(count);
        return new ListValue([.. Enumerable.Range(0, count).Select(i => list.Items[first + (i * stride)])], list.IsTuple);
    }

    private static StringValue SliceText(StringValue text, int first, int count, int stride, RenderBudget budget)
    {
        if (stride == 1)
        {
            var start = text.OffsetOf(first);
            return text.Substring(start, text.OffsetOf(first + count) - start, budget);
        }

        budget.Spend(count);
        var builder = new StringValueBuilder(budget);
        for (var i = 0; i < count; i++)
        {
            var position = first + (i * stride);
            var start = text.OffsetOf(position);
            builder.Append(text, start, text.OffsetOf(position + 1) - start);
        }

        return builder.ToValue();
    }

    private static (int First, int Count, int Stride) Resolve(int? start, int? stop, int step, int length)
    {
        if (step == 0)
        {
            throw new JinjaException("a slice's step must not be 0.");
        }

        // Going backwards, -1 stands for "before the first item".
        var (lowest, highest) = step > 0 ? (0, length) : (-1, length - 1);
        var from = Clamp(start) ?? (step > 0 ? lowest : highest);
        var to = Clamp(stop) ?? (step > 0 ? highest : lowest);
        var span = step > 0 ? (long)to - from : (long)from - to;
        var count = span <= 0 ? 0 : (int)((span - 1) / Math.Abs((long)step)) + 1;

        // With at most one item the stride is never used, and a huge one must not overflow.
        return (count == 0 ? 0 : from, count, count <= 1 ? 1 : step);

        int? Clamp(int? bound) => bound is { } given
            ? (int)Math.Clamp(given < 0 ? (long)given + length : given, lowest, highest)
            : null;
    }
}
