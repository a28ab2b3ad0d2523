namespace LayerSkip.Parsing.Tools;

/// <summary>Gives words of a parse back as the speaker wrote them: <c>at 5 : 30 pm</c> as <c>at 5:30pm</c>.</summary>
/// <remarks>A parse splits words that the speaker joined; a tool that reads a time wants the speaker's.</remarks>
internal sealed class UtteranceText
{
    private readonly string _utterance;
    private readonly string _joined;
    private readonly int[] _positions; // of _joined's characters in the utterance

    public UtteranceText(string utterance)
    {
        _utterance = utterance;
        _positions = [.. Enumerable.Range(0, utterance.Length).Where(i => !char.IsWhiteSpace(utterance[i]))];
        _joined = string.Concat(_positions.Select(i => utterance[i]));
    }

    /// <summary>The words as they stand in the utterance, from its leftmost place that begins and ends a word; else joined by spaces.</summary>
    public string Of(IReadOnlyList<string> words)
    {
        var joined = string.Concat(words);
        for (var at = 0; joined.Length > 0 && (at = _joined.IndexOf(joined, at, StringComparison.Ordinal)) >= 0; at++)
        {
            var (start, end) = (_positions[at], _positions[at + joined.Length - 1] + 1);
            if (!CutsWord(start) && !CutsWord(end))
            {
                return _utterance[start..end];
            }
        }

        return string.Join(' ', words);
    }

    private bool CutsWord(int position) =>
        position > 0 && position < _utterance.Length && char.IsLetter(_utterance[position - 1]) && char.IsLetter(_utterance[position]);
}
