using System.Buffers;
using LayerSkip.Engine.Tokenization.Patterns;

namespace LayerSkip.Engine.Tokenization.PreTokenization;

/// <summary><c>ByteLevel</c>: GPT-2's splitting, and every byte spelled as a printable character.</summary>
/// <param name="addPrefixSpace">A piece that does not begin with a space gets one.</param>
/// <param name="useRegex">Whether it splits at all.</param>
internal sealed class ByteLevelPreTokenizer(bool addPrefixSpace, bool useRegex) : PreTokenizer
{
    /// <summary>Whether a piece that does not begin with a space gets one.</summary>
    public bool AddsPrefixSpace => addPrefixSpace;

    private static readonly GptPattern Words = new(GptDialect.Gpt2);

    public override void Apply(PreTokenizedText text)
    {
        if (addPrefixSpace)
        {
            text.Rewrite(WriteWithPrefixSpace);
        }

        if (useRegex)
        {
            text.Split(Words, SplitBehavior.Isolated, isInverted: false);
        }

        text.Rewrite(WriteSpelled);
    }

    private static void WriteWithPrefixSpace(ReadOnlySpan<char> piece, bool isAtStart, ArrayBufferWriter<char> output)
    {
        if (piece[0] != ' ')
        {
            output.Write(" ");
        }

        output.Write(piece);
    }

    private static void WriteSpelled(ReadOnlySpan<char> piece, bool isAtStart, ArrayBufferWriter<char> output)
    {
        var destination = output.GetSpan(ByteLevelAlphabet.MaxSpelledLength(piece.Length));
        output.Advance(ByteLevelAlphabet.Spell(piece, destination));
    }
}
