using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Library;

/// <summary>Sorts by the language's order; equal items keep their places.</summary>
internal static class Sorting
{
    public static T[] By<T>(IEnumerable<T> items, Func<T, Value> key, bool isReversed, RenderBudget budget)
    {
        var comparer = Comparer<Value>.Create((left, right) => Comparison.Order(left, right, budget) ?? 0);
        try
        {
            return [.. isReversed ? items.OrderByDescending(key, comparer) : items.OrderBy(key, comparer)];
        }
        catch (InvalidOperationException exception) when (exception.InnerException is JinjaException inner)
        {
            // .NET's sort wraps what its comparer throws.
            throw inner;
        }
    }
}
