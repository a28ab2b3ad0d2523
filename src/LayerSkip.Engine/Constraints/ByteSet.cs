namespace LayerSkip.Engine.Constraints;

/// <summary>A set of bytes.</summary>
internal readonly record struct ByteSet(ulong A, ulong B, ulong C, ulong D)
{
    public static ByteSet All { get; } = new(ulong.MaxValue, ulong.MaxValue, ulong.MaxValue, ulong.MaxValue);

    public bool IsEmpty => (A | B | C | D) == 0;

    /// <summary>The bytes at which membership differs from the byte before: where the set's ranges begin and end.</summary>
    public ByteSet Borders => this ^ new ByteSet(A << 1, (B << 1) | (A >> 63), (C << 1) | (B >> 63), (D << 1) | (C >> 63));

    /// <summary>Where ranges begin and end that hold one of the set's bytes each.</summary>
    public ByteSet Each => this | Borders;

    public static ByteSet Of(byte value) => Range(value, value);

    /// <param name="first">Least byte.</param>
    /// <param name="last">Greatest byte, included.</param>
    public static ByteSet Range(int first, int last)
    {
        Span<ulong> words = stackalloc ulong[4];
        for (var value = first; value <= last; value++)
        {
            words[value >> 6] |= 1UL << (value & 63);
        }

        return new(words[0], words[1], words[2], words[3]);
    }

    /// <summary>The bytes of ASCII characters.</summary>
    public static ByteSet Of(string characters)
    {
        var set = default(ByteSet);
        foreach (var character in characters)
        {
            set |= Of((byte)character);
        }

        return set;
    }

    public bool Contains(int value) => (((value >> 6) switch { 0 => A, 1 => B, 2 => C, _ => D } >> (value & 63)) & 1) != 0;

    public static ByteSet operator |(ByteSet x, ByteSet y) => new(x.A | y.A, x.B | y.B, x.C | y.C, x.D | y.D);

    public static ByteSet operator &(ByteSet x, ByteSet y) => new(x.A & y.A, x.B & y.B, x.C & y.C, x.D & y.D);

    public static ByteSet operator ^(ByteSet x, ByteSet y) => new(x.A ^ y.A, x.B ^ y.B, x.C ^ y.C, x.D ^ y.D);

    public static ByteSet operator ~(ByteSet x) => new(~x.A, ~x.B, ~x.C, ~x.D);
}
