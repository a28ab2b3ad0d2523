using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LayerSkip.AI.ChatTemplates.Jinja.Values;

/// <summary>Python's equality of scalars, by which dicts find their keys: <c>1 == 1.0 == True</c>; origins do not matter.</summary>
/// <remarks>Hashes of numbers are keyed as those of strings are, so that a template cannot choose many numbers of one hash.</remarks>
internal sealed class ScalarEquality : IEqualityComparer<Value>
{
    public static readonly ScalarEquality Instance = new();

    public static bool IsScalar(Value value) => value is StringValue or IntegerValue or FloatValue or BooleanValue or NoneValue;

    /// <summary>What hashing a value, or comparing it with its equal, costs in characters.</summary>
    public static long Length(Value value) => value is StringValue text ? text.Text.Length : 1 + Numbers.Length(value);

    // NaN equals nothing, but as a key it is found again.
    public bool Equals(Value? x, Value? y) => ReferenceEquals(x, y) || (x, y) switch
    {
        (StringValue left, StringValue right) => left.Text == right.Text,
        (not null, not null) => Numbers.TryCompare(x, y) == 0,
        _ => false,
    };

    public int GetHashCode(Value obj) => obj switch
    {
        StringValue text => text.Text.GetHashCode(StringComparison.Ordinal),
        FloatValue { Number: double.NaN } => RuntimeHelpers.GetHashCode(obj),
        FloatValue real => Hash(real.Number),
        _ when Numbers.TryInteger(obj, out var integer) => Hash(integer),
        _ => 0,
    };

    // A float equals only integers that a double holds exactly: others need not hash as doubles do.
    private static int Hash(BigInteger number)
    {
        var real = (double)number;
        if (double.IsFinite(real) && new BigInteger(real) == number)
        {
            return Hash(real);
        }

        Span<byte> bytes = stackalloc byte[(IntegerValue.MaxBits / 8) + sizeof(char)];
        bytes.Clear();
        number.TryWriteBytes(bytes, out var count);
        return Hash(bytes[..(count + (count % sizeof(char)))]);
    }

    private static int Hash(double number)
    {
        // 0.0 and -0.0 are equal.
        number += 0.0;
        return Hash(MemoryMarshal.AsBytes(new ReadOnlySpan<double>(in number)));
    }

    private static int Hash(ReadOnlySpan<byte> bytes) => string.GetHashCode(MemoryMarshal.Cast<byte, char>(bytes));
}
