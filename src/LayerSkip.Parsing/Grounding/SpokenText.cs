using System.Text;
using LayerSkip.Engine.Constraints;
using LayerSkip.Parsing.Forms;

namespace LayerSkip.Parsing.Grounding;

/// <summary>An utterance's words as one run of bytes without spaces, and where in it words begin. Places are offsets in it.</summary>
internal sealed class SpokenText
{
    private readonly byte[] _bytes;
    private readonly int[] _words; // places where they begin
    private readonly bool[] _begins; // [place]: whether a word begins there, or the text ends
    private readonly bool[] _joins; // [place]: whether the word before may be written on into the one that begins there
    private readonly int[] _toEnd; // [place]: bytes to the end of the word that begins there or that it lies in
    private readonly int[] _shortest; // [place]: bytes of the shortest word there and behind

    public SpokenText(string utterance)
    {
        var words = UtteranceWords.Split(utterance);

        // Word by word: halves of a surrogate pair, apart from each other, are no character together either.
        _bytes = [.. words.SelectMany(Encoding.UTF8.GetBytes)];
        (_begins, _joins) = (new bool[_bytes.Length + 1], new bool[_bytes.Length + 1]);
        (_toEnd, _shortest) = (new int[_bytes.Length + 1], new int[_bytes.Length + 1]);
        _words = new int[words.Length];
        var (place, at) = (0, 0);
        foreach (var (index, word) in words.Index())
        {
            var start = at;
            while (char.IsWhiteSpace(utterance[at]))
            {
                at++;
            }

            _words[index] = place;
            _begins[place] = true;
            _joins[place] = place > 0 && at == start;
            place += Encoding.UTF8.GetByteCount(word);
            at += word.Length;
        }

        _begins[^1] = true;
        _shortest[^1] = int.MaxValue;
        for (var i = _bytes.Length - 1; i >= 0; i--)
        {
            _toEnd[i] = _begins[i + 1] ? 1 : _toEnd[i + 1] + 1;
            _shortest[i] = _begins[i] ? Math.Min(_shortest[i + 1], _toEnd[i]) : _shortest[i + 1];
        }
    }

    /// <summary>How many words there are.</summary>
    public int Words => _words.Length;

    /// <summary>The place behind the last word.</summary>
    public int End => _bytes.Length;

    /// <summary>The bytes at some places; there is none at <see cref="End"/>.</summary>
    public ByteSet BytesAt(ReadOnlySpan<int> places)
    {
        var bytes = default(ByteSet);
        foreach (var place in places)
        {
            bytes |= place < End ? ByteSet.Of(_bytes[place]) : ByteSet.None;
        }

        return bytes;
    }

    /// <summary>The places behind a byte.</summary>
    /// <param name="places">Where it may be; at one of them it is.</param>
    /// <param name="value">The byte.</param>
    public Places Behind(ReadOnlySpan<int> places, byte value) => Places.Of(places, place => place < End && _bytes[place] == value, 1);

    /// <summary>The places from one on where words begin.</summary>
    public ReadOnlySpan<int> WordsFrom(int place)
    {
        var index = _words.AsSpan().BinarySearch(place);
        return _words.AsSpan(index < 0 ? ~index : index);
    }

    /// <summary>Those of some places at which words begin, or the last one has ended.</summary>
    public Places Beginnings(ReadOnlySpan<int> places) => Places.Of(places, place => _begins[place], 0);

    /// <summary>Those of some places at which a word may be written on: in its midst, or into the next one.</summary>
    public Places Continuations(ReadOnlySpan<int> places) => Places.Of(places, place => place < End && (!_begins[place] || _joins[place]), 0);

    /// <summary>The place behind the word that begins at a place or that the place lies in.</summary>
    public int BehindWord(int place) => place + _toEnd[place];

    /// <summary>Fewest bytes from one of some places to the end of its word; 0 where a word has ended.</summary>
    public int ToWordsEnd(ReadOnlySpan<int> places)
    {
        var least = int.MaxValue;
        foreach (var place in places)
        {
            least = Math.Min(least, _begins[place] ? 0 : _toEnd[place]);
        }

        return least;
    }

    /// <summary>Bytes of the shortest word that begins at a place or behind it, which is not the end.</summary>
    public int ShortestFrom(int place) => _shortest[place];
}
