using System.Buffers;
using LayerSkip.Engine.Tokenization.Patterns;

namespace LayerSkip.Engine.Tokenization.PreTokenization;

/// <summary><c>Metaspace</c>: a visible mark for every space, put before the text too, and a cut before each mark.</summary>
internal sealed class MetaspacePreTokenizer(char mark, PrependScheme scheme, bool splits) : PreTokenizer
{
    private readonly LiteralPattern _marks = new(mark.ToString());

    public override void Apply(PreTokenizedText text)
    {
        text.Rewrite(WriteMarked);
        if (splits)
        {
            text.Split(_marks, SplitBehavior.MergedWithNext, isInverted: false);
        }
    }

    private void WriteMarked(ReadOnlySpan<char> piece, bool isAtStart, ArrayBufferWriter<char> output)
    {
        var prepends = scheme == PrependScheme.Always || (scheme == PrependScheme.First && isAtStart);
        if (prepends && piece[0] != ' ' && piece[0] != mark)
        {
            output.Write([mark]);
        }

        piece.Replace(output.GetSpan(piece.Length), ' ', mark);
        output.Advance(piece.Length);
    }
}
