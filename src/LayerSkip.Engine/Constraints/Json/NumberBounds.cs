using System.Numerics;
using System.Text.Json;

namespace LayerSkip.Engine.Constraints.Json;

/// <summary>The bounds that schemas together put on a number; null: open.</summary>
internal readonly record struct NumberBounds(PlainDecimal? Least, bool ExcludesLeast, PlainDecimal? Greatest, bool ExcludesGreatest)
{
    public bool IsOpen => Least is null && Greatest is null;

    public BigInteger? LeastInteger => Least is { } least ? (ExcludesLeast ? least.Floor() + 1 : least.Ceiling()) : null;

    public BigInteger? GreatestInteger => Greatest is { } greatest ? (ExcludesGreatest ? greatest.Ceiling() - 1 : greatest.Floor()) : null;

    public static NumberBounds Of(SchemaConjunction schema)
    {
        var bounds = default(NumberBounds);
        foreach (var part in schema.Schemas)
        {
            // Draft 4 says with a boolean whether the bound itself is excluded.
            bounds = bounds.AtLeast(part["minimum"], part["exclusiveMinimum"]?.Value.ValueKind == JsonValueKind.True);
            bounds = bounds.AtLeast(part["exclusiveMinimum"], excludes: true);
            bounds = bounds.AtMost(part["maximum"], part["exclusiveMaximum"]?.Value.ValueKind == JsonValueKind.True);
            bounds = bounds.AtMost(part["exclusiveMaximum"], excludes: true);
        }

        return bounds;
    }

    /// <summary>Whether a number lies within.</summary>
    public bool Contain(PlainDecimal number) =>
        (Least is not { } least || PlainDecimal.Compare(number, least) is var low && (ExcludesLeast ? low > 0 : low >= 0))
        && (Greatest is not { } greatest || PlainDecimal.Compare(number, greatest) is var high && (ExcludesGreatest ? high < 0 : high <= 0));

    private NumberBounds AtLeast(SchemaNode? node, bool excludes) =>
        Number(node) is { } bound && (Least is not { } least || PlainDecimal.Compare(bound, least) is var order && (order > 0 || (order == 0 && excludes)))
            ? this with { Least = bound, ExcludesLeast = excludes }
            : this;

    private NumberBounds AtMost(SchemaNode? node, bool excludes) =>
        Number(node) is { } bound && (Greatest is not { } greatest || PlainDecimal.Compare(bound, greatest) is var order && (order < 0 || (order == 0 && excludes)))
            ? this with { Greatest = bound, ExcludesGreatest = excludes }
            : this;

    private static PlainDecimal? Number(SchemaNode? node) =>
        node is { Value.ValueKind: JsonValueKind.Number } ? PlainDecimal.Parse(node.Value.GetRawText()) : null;
}
