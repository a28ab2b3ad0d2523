namespace LayerSkip.Parsing.Grounding;

/// <summary>Where in an utterance a slot's words may be taken from next: more than one place, where what has been written occurs more than once. Equal by what it holds.</summary>
/// <param name="values">At least one, ascending.</param>
internal readonly struct Places(int[] values) : IEquatable<Places>
{
    private readonly int[] _values = values;

    /// <summary>The first: nothing before it can follow any more.</summary>
    public int First => _values[0];

    public IReadOnlyList<int> Values => _values;

    public bool Equals(Places other) => _values.AsSpan().SequenceEqual(other._values);

    public override bool Equals(object? obj) => obj is Places other && Equals(other);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (var value in _values)
        {
            hash.Add(value);
        }

        return hash.ToHashCode();
    }
}
