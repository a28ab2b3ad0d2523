using System.Numerics;

namespace LayerSkip.AI.ChatTemplates.Jinja.Values;

/// <summary>Python's equality of scalars, by which dicts find their keys: <c>1 == 1.0 == True</c>; origins do not matter.</summary>
internal sealed class ScalarEquality : IEqualityComparer<Value>
{
    public static readonly ScalarEquality Instance = new();

    public static bool IsScalar(Value value) => value is StringValue or IntegerValue or FloatValue or BooleanValue or NoneValue;

    public bool Equals(Value? x, Value? y) => (x, y) switch
    {
        (StringValue left, StringValue right) => left.Text == right.Text,
        (NoneValue, NoneValue) => true,
        (not null, not null) => Numbers.TryCompare(x, y) == 0,
        _ => false,
    };

    public int GetHashCode(Value obj) => obj switch
    {
        StringValue text => text.Text.GetHashCode(StringComparison.Ordinal),
        BooleanValue boolean => HashCode.Combine(boolean.IsTrue ? 1.0 : 0.0),
        IntegerValue integer => HashCode.Combine((double)integer.Number),
        FloatValue real => HashCode.Combine(real.Number),
        _ => 0,
    };
}
