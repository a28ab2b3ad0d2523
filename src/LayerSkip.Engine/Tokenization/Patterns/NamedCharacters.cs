namespace LayerSkip.Engine.Tokenization.Patterns;

/// <summary>The characters that an expression names one by one or by ranges, not by a property.</summary>
internal sealed class NamedCharacters
{
    private readonly bool[] _basic = new bool[char.MaxValue + 1];
    private (int First, int Last)[] _astral = [];

    /// <summary>Those beyond U+FFFF, as the classes have them; empty where none does.</summary>
    public IReadOnlyList<(int First, int Last)> Astral => _astral;

    /// <summary>Whether a character up to U+FFFF is one of them.</summary>
    public bool Contains(char character) => _basic[character];

    /// <summary>Adds a range of characters up to U+FFFF.</summary>
    public void Add(int first, int last) => _basic.AsSpan(first, last - first + 1).Fill(true);

    /// <summary>Adds what a class names beyond U+FFFF.</summary>
    /// <returns>False where another class names others there: one stand-in could not serve both.</returns>
    public bool TryAddAstral(IReadOnlyList<(int First, int Last)> ranges)
    {
        if (_astral.Length == 0)
        {
            _astral = [.. ranges];
        }

        return _astral.SequenceEqual(ranges);
    }
}
