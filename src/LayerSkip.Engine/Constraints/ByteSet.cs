using System.Numerics;

namespace LayerSkip.Engine.Constraints;

/// <summary>A set of bytes.</summary>
public readonly record struct ByteSet
{
    private readonly ulong _a;
    private readonly ulong _b;
    private readonly ulong _c;
    private readonly ulong _d;

    private ByteSet(ulong a, ulong b, ulong c, ulong d) => (_a, _b, _c, _d) = (a, b, c, d);

    /// <summary>No byte.</summary>
    public static ByteSet None => default;

    /// <summary>Every byte.</summary>
    public static ByteSet All { get; } = new(ulong.MaxValue, ulong.MaxValue, ulong.MaxValue, ulong.MaxValue);

    /// <summary>Whether it holds no byte.</summary>
    public bool IsEmpty => (_a | _b | _c | _d) == 0;

    /// <summary>How many bytes it holds.</summary>
    public int Count => BitOperations.PopCount(_a) + BitOperations.PopCount(_b) + BitOperations.PopCount(_c) + BitOperations.PopCount(_d);

    /// <summary>The bytes at which membership differs from the byte before: where the set's ranges begin and end.</summary>
    internal ByteSet Borders => this ^ new ByteSet(_a << 1, (_b << 1) | (_a >> 63), (_c << 1) | (_b >> 63), (_d << 1) | (_c >> 63));

    /// <summary>Where ranges begin and end that hold one of the set's bytes each.</summary>
    internal ByteSet Each => this | Borders;

    /// <summary>The set of one byte.</summary>
    public static ByteSet Of(byte value)
    {
        var bit = 1UL << (value & 63);
        return (value >> 6) switch { 0 => new(bit, 0, 0, 0), 1 => new(0, bit, 0, 0), 2 => new(0, 0, bit, 0), _ => new(0, 0, 0, bit) };
    }

    /// <summary>The bytes of ASCII characters.</summary>
    /// <exception cref="ArgumentException">A character is none of ASCII's.</exception>
    public static ByteSet Of(string characters)
    {
        ArgumentNullException.ThrowIfNull(characters);
        var set = default(ByteSet);
        foreach (var character in characters)
        {
            set |= char.IsAscii(character) ? Of((byte)character) : throw new ArgumentException($"'{character}' is not of ASCII's characters.", nameof(characters));
        }

        return set;
    }

    /// <summary>All bytes from one to another; none where the first is the greater.</summary>
    /// <param name="first">Least byte, 0 .. 256.</param>
    /// <param name="last">Greatest byte, included; -1 .. 255.</param>
    /// <exception cref="ArgumentOutOfRangeException">One of them is outside its range.</exception>
    public static ByteSet Range(int first, int last)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first, byte.MaxValue + 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(last, -1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(last, byte.MaxValue);
        var set = default(ByteSet);
        for (var value = first; value <= last; value++)
        {
            set |= Of((byte)value);
        }

        return set;
    }

    /// <summary>Whether it holds a byte.</summary>
    public bool Contains(byte value) => ((Word(value >> 6) >> (value & 63)) & 1) != 0;

    /// <summary>How many lesser bytes it holds.</summary>
    internal int CountBelow(byte value)
    {
        var count = BitOperations.PopCount(Word(value >> 6) & ((1UL << (value & 63)) - 1));
        for (var word = (value >> 6) - 1; word >= 0; word--)
        {
            count += BitOperations.PopCount(Word(word));
        }

        return count;
    }

    /// <summary>The least byte it holds; it holds one.</summary>
    internal byte First()
    {
        var word = 0;
        while (Word(word) == 0)
        {
            word++;
        }

        return (byte)((word << 6) + BitOperations.TrailingZeroCount(Word(word)));
    }

    /// <summary>The bytes of both.</summary>
    public static ByteSet operator |(ByteSet left, ByteSet right) => new(left._a | right._a, left._b | right._b, left._c | right._c, left._d | right._d);

    /// <summary>The bytes that both hold.</summary>
    public static ByteSet operator &(ByteSet left, ByteSet right) => new(left._a & right._a, left._b & right._b, left._c & right._c, left._d & right._d);

    /// <summary>The bytes that one of them holds and the other does not.</summary>
    public static ByteSet operator ^(ByteSet left, ByteSet right) => new(left._a ^ right._a, left._b ^ right._b, left._c ^ right._c, left._d ^ right._d);

    /// <summary>The bytes that it does not hold.</summary>
    public static ByteSet operator ~(ByteSet set) => new(~set._a, ~set._b, ~set._c, ~set._d);

    private ulong Word(int index) => index switch { 0 => _a, 1 => _b, 2 => _c, _ => _d };
}
