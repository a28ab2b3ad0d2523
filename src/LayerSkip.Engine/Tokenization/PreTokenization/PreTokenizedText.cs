using System.Buffers;
using System.Runtime.InteropServices;
using LayerSkip.Engine.Tokenization.Patterns;

namespace LayerSkip.Engine.Tokenization.PreTokenization;

/// <summary>A text on its way through the pre-tokenizers: the pieces it has been cut into so far.</summary>
internal sealed class PreTokenizedText
{
    private readonly bool _isAtStart;
    private readonly RegexBudget _budget;
    private readonly List<TextMatch> _matches = [];
    private readonly List<(Piece Piece, bool IsMatch)> _segments = [];
    private ReadOnlyMemory<char> _text;
    private List<Piece> _pieces;

    /// <param name="text">The text, one piece at first; well-formed UTF-16.</param>
    /// <param name="isAtStart">Whether it begins the whole text, rather than following an added token.</param>
    /// <param name="budget">The time for the checkpoint's regular expressions.</param>
    public PreTokenizedText(ReadOnlyMemory<char> text, bool isAtStart, RegexBudget budget)
    {
        _text = text;
        _isAtStart = isAtStart;
        _budget = budget;
        _pieces = text.IsEmpty ? [] : [new Piece(0, text.Length)];
    }

    public ReadOnlySpan<Piece> Pieces => CollectionsMarshal.AsSpan(_pieces);

    public ReadOnlySpan<char> this[Piece piece] => _text.Span.Slice(piece.Start, piece.Length);

    /// <summary>Cuts every piece where the pattern matches, or, inverted, where it does not.</summary>
    public void Split(TextPattern pattern, SplitBehavior behavior, bool isInverted)
    {
        var result = new List<Piece>(Math.Max(_pieces.Count, _text.Length / 5));
        foreach (var piece in _pieces)
        {
            _matches.Clear();
            pattern.FindMatches(this[piece], _budget, _matches);
            ReadSegments(piece, isInverted);
            Arrange(behavior, result);
        }

        _pieces = result;
    }

    /// <summary>Replaces every piece's characters.</summary>
    public void Rewrite(PieceWriter write)
    {
        var output = new ArrayBufferWriter<char>(Math.Max(16, _text.Length + (_text.Length / 8)));
        var result = new List<Piece>(_pieces.Count);
        foreach (var piece in _pieces)
        {
            var start = output.WrittenCount;
            write(this[piece], _isAtStart && piece.Start == 0, output);
            result.Add(new Piece(start, output.WrittenCount - start));
        }

        _text = output.WrittenMemory;
        _pieces = result;
    }

    // Matches and what lies between them, the piece's whole length.
    private void ReadSegments(Piece piece, bool isInverted)
    {
        _segments.Clear();
        var position = 0;
        foreach (var match in _matches)
        {
            if (match.Start > position)
            {
                _segments.Add((new Piece(piece.Start + position, match.Start - position), isInverted));
            }

            _segments.Add((new Piece(piece.Start + match.Start, match.Length), !isInverted));
            position = match.Start + match.Length;
        }

        if (position < piece.Length)
        {
            _segments.Add((new Piece(piece.Start + position, piece.Length - position), isInverted));
        }
    }

    private void Arrange(SplitBehavior behavior, List<Piece> result)
    {
        var open = default(Piece); // grows until a segment begins a new piece
        var previousIsMatch = false;
        var isFirst = true;
        foreach (var (segment, isMatch) in _segments)
        {
            if (behavior == SplitBehavior.Removed && isMatch)
            {
                continue;
            }

            var joins = !isFirst && behavior switch
            {
                SplitBehavior.Contiguous => isMatch == previousIsMatch,
                SplitBehavior.MergedWithPrevious => isMatch && !previousIsMatch,
                SplitBehavior.MergedWithNext => !isMatch && previousIsMatch,
                _ => false,
            };
            if (joins)
            {
                open = open with { Length = open.Length + segment.Length };
            }
            else
            {
                Close(open, result);
                open = segment;
            }

            (previousIsMatch, isFirst) = (isMatch, false);
        }

        Close(open, result);
    }

    private static void Close(Piece piece, List<Piece> result)
    {
        if (piece.Length > 0)
        {
            result.Add(piece);
        }
    }
}
