namespace LayerSkip.AI.Responses;

/// <summary>Looks for one text in a stream of characters (Knuth, Morris and Pratt).</summary>
internal sealed class StopSequence
{
    private readonly string _text;

    // _borders[i]: the length of the longest proper prefix of the text that also ends its first i + 1 characters.
    private readonly int[] _borders;

    /// <param name="text">The text, not empty.</param>
    public StopSequence(string text)
    {
        _text = text;
        _borders = new int[text.Length];
        for (var i = 1; i < text.Length; i++)
        {
            _borders[i] = Advance(_borders[i - 1], text[i]);
        }
    }

    /// <summary>How many of the last characters read are the beginning of the text.</summary>
    public int Matched { get; private set; }

    /// <summary>Whether the last characters read are the text; nothing may be read after it.</summary>
    public bool IsComplete => Matched == _text.Length;

    /// <summary>Reads a character.</summary>
    public void Read(char character) => Matched = Advance(Matched, character);

    /// <summary>Forgets what has been read.</summary>
    public void Reset() => Matched = 0;

    private int Advance(int matched, char character)
    {
        while (matched > 0 && _text[matched] != character)
        {
            matched = _borders[matched - 1];
        }

        return _text[matched] == character ? matched + 1 : 0;
    }
}
