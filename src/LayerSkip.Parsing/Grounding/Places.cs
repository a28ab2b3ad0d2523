namespace LayerSkip.Parsing.Grounding;

/// <summary>Places in an utterance, ascending: several, where what a slot holds so far occurs more than once. Equal by what it holds.</summary>
internal readonly struct Places : IEquatable<Places>
{
    private readonly int[] _values;

    private Places(int[] values) => _values = values;

    /// <summary>The places.</summary>
    public ReadOnlySpan<int> Values => _values;

    /// <summary>The first of them, of which there is one: what stands before it cannot follow any more.</summary>
    public int First => _values[0];

    /// <summary>Some of many places.</summary>
    /// <param name="places">The places.</param>
    /// <param name="isOne">Which of them.</param>
    /// <param name="offset">Added to each.</param>
    public static Places Of(ReadOnlySpan<int> places, Func<int, bool> isOne, int offset)
    {
        var values = new int[places.Length];
        var count = 0;
        foreach (var place in places)
        {
            if (isOne(place))
            {
                values[count++] = place + offset;
            }
        }

        return new(count == values.Length ? values : values[..count]);
    }

    public bool Equals(Places other) => Values.SequenceEqual(other.Values);

    public override bool Equals(object? obj) => obj is Places other && Equals(other);

    public override int GetHashCode() => HashCode.Combine(_values.Length, First);
}
