using LayerSkip.Parsing.Forms;

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
        _joined = string.Concat(_positions.Select(i => UtteranceWords.Written(utterance[i])));
    }

    /// <summary>
    /// Runs of words as they stand in the utterance, with what stands between them: from the leftmost place where each run, beginning and
    /// ending a word, follows the last. Joined by spaces where there is no such place.
    /// </summary>
    public string Of(IReadOnlyList<IReadOnlyList<string>> runs)
    {
        var (start, end, from) = (-1, 0, 0);
        foreach (var run in runs)
        {
            var joined = string.Concat(run);
            var at = Find(joined, from);
            if (at < 0)
            {
                return string.Join(' ', runs.SelectMany(static words => words));
            }

            start = start < 0 ? _positions[at] : start;
            from = at + joined.Length;
            end = _positions[from - 1] + 1;
        }

        return start < 0 ? string.Empty : _utterance[start..end];
    }

    private int Find(string joined, int from)
    {
        for (var at = from; joined.Length > 0 && (at = _joined.IndexOf(joined, at, StringComparison.Ordinal)) >= 0; at++)
        {
            if (!CutsWord(_positions[at]) && !CutsWord(_positions[at + joined.Length - 1] + 1))
            {
                return at;
            }
        }

        return -1;
    }

    private bool CutsWord(int position) =>
        position > 0 && position < _utterance.Length && char.IsLetter(_utterance[position - 1]) && char.IsLetter(_utterance[position]);
}
