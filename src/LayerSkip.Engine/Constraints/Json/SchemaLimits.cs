using System.Text.Json;

namespace LayerSkip.Engine.Constraints.Json;

/// <summary>The least and greatest number of something that schemas together allow: <c>minItems</c> and <c>maxItems</c>, and the like.</summary>
internal static class SchemaLimits
{
    /// <param name="schema">The schemas.</param>
    /// <param name="min">The keyword of the least number.</param>
    /// <param name="max">The keyword of the greatest.</param>
    /// <returns>Max is null where it is endless; below Min where nothing satisfies both.</returns>
    public static (int Min, int? Max) Of(SchemaConjunction schema, string min, string max)
    {
        var least = schema.All(min).Select(Number).OfType<int>().Append(0).Max();
        var greatest = schema.All(max).Select(Number).OfType<int>().Where(number => number < int.MaxValue).Cast<int?>().Min();
        return (least, greatest);
    }

    private static int? Number(SchemaNode node) =>
        node.Value.ValueKind == JsonValueKind.Number && node.Value.TryGetDouble(out var number) && number >= 0 && number == Math.Truncate(number)
            ? (int)Math.Min(number, int.MaxValue)
            : null;
}
