using System.Text;
using LayerSkip.Parsing.Forms;

namespace LayerSkip.Parsing.Grounding;

/// <summary>An utterance's words as one run of bytes without spaces, and where in it words begin. Places are offsets in it.</summary>
internal sealed class SpokenText
{
    private readonly byte[] _bytes;
    private readonly bool[] _begins; // [place]: whether a word begins there, or the text ends
    private readonly bool[] _joins; // [place]: whether the word before may be written on into the one that begins there
    private readonly int[] _shortest; // [place]: bytes of the shortest word there and behind

    public SpokenText(string utterance)
    {
        var words = UtteranceWords.Split(utterance);
        _bytes = Encoding.UTF8.GetBytes(string.Concat(words));
        _begins = new bool[_bytes.Length + 1];
        _joins = new bool[_bytes.Length + 1];
        _shortest = new int[_bytes.Length + 1];
        var (place, at) = (0, 0);
        foreach (var word in words)
        {
            var start = at;
            while (char.IsWhiteSpace(utterance[at]))
            {
                at++;
            }

            _begins[place] = true;
            _joins[place] = place > 0 && at == start;
            place += Encoding.UTF8.GetByteCount(word);
            at += word.Length;
        }

        _begins[^1] = true;
        _shortest[^1] = int.MaxValue;
        for (var (i, end) = (_bytes.Length - 1, _bytes.Length); i >= 0; i--)
        {
            _shortest[i] = _begins[i] ? Math.Min(_shortest[i + 1], end - i) : _shortest[i + 1];
            end = _begins[i] ? i : end;
        }
    }

    /// <summary>The place behind the last word.</summary>
    public int End => _bytes.Length;

    /// <summary>The byte at a place before <see cref="End"/>.</summary>
    public byte this[int place] => _bytes[place];

    /// <summary>Whether a word begins at a place, or the last one has ended.</summary>
    public bool Begins(int place) => _begins[place];

    /// <summary>Whether a word may be written on at a place in its midst, or into the next one.</summary>
    public bool GoesOn(int place) => place < End && (!_begins[place] || _joins[place]);

    /// <summary>The places from one on where words begin.</summary>
    public IEnumerable<int> WordsFrom(int place)
    {
        for (; place < End; place++)
        {
            if (_begins[place])
            {
                yield return place;
            }
        }
    }

    /// <summary>The place behind the word that begins at a place or that the place lies in.</summary>
    public int BehindWord(int place)
    {
        do
        {
            place++;
        }
        while (!_begins[place]);

        return place;
    }

    /// <summary>Bytes of the shortest word that begins at a place or behind it, which is not the end.</summary>
    public int ShortestFrom(int place) => _shortest[place];
}
