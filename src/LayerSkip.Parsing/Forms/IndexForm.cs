using System.Diagnostics.CodeAnalysis;
using LayerSkip.Parsing.Frames;

namespace LayerSkip.Parsing.Forms;

/// <summary>
/// The index form of Span Pointer Networks (Shrivastava et al. 2021): a decoupled tree whose slots point at the utterance's words instead of
/// copying them. For <c>weather in new york</c>, <c>[SL:LOCATION new york ]</c> becomes <c>[SL:LOCATION 2 3 ]</c>.
/// </summary>
/// <remarks>
/// <para>
/// Utterances are split by <see cref="UtteranceWords.Split"/>, or by the caller. Each run of words between a slot's brackets and nested intents
/// becomes a pair of 0-based positions: its first and its last word's, both inclusive (one word: the same position twice). A run that is not a
/// contiguous span of the utterance is quoted instead, word by word: <c>[SL:LOCATION "gotham" "city" ]</c>. Every leaf is thus a position or a word
/// between double quotes, so a decoupled tree always comes back unchanged: <c>ToDecoupled(FromDecoupled(tree, words), words)</c> equals <c>tree</c>.
/// </para>
/// <para>An index tree is an ordinary <see cref="FrameTree"/> whose leaves are positions; print and parse it as any other.</para>
/// </remarks>
public static class IndexForm
{
    /// <summary>The most words a tree may point at in all when it is turned back: 65,536.</summary>
    /// <remarks>Spans may overlap, so a short hostile tree could otherwise ask for any number of words.</remarks>
    public const int MaxWords = 65_536;

    /// <summary>Points at the words of a decoupled tree.</summary>
    /// <param name="decoupled">A tree whose intents hold no words.</param>
    /// <param name="words">The utterance's words, in order; each one token without white space and brackets.</param>
    /// <remarks>
    /// A run of words that occurs more than once points at its leftmost occurrence behind the last run so placed, in reading order; a run that
    /// occurs only before that points at its leftmost occurrence of all. Where a full parse is at hand, <see cref="FromFull"/> knows the true positions.
    /// </remarks>
    /// <exception cref="ArgumentException">An intent holds a word, or an item of <paramref name="words"/> is not one token.</exception>
    public static FrameTree FromDecoupled(FrameTree decoupled, IReadOnlyList<string> words)
    {
        ArgumentNullException.ThrowIfNull(decoupled);
        if (HoldsIntentWord(decoupled.Root))
        {
            throw new ArgumentException("Expected a decoupled tree, whose intents hold no words.", nameof(decoupled));
        }

        var tokens = Tokens(words);
        var behind = 0;
        return SpanWriter.Write(decoupled, (run, _) =>
        {
            var at = tokens.AsSpan(behind).IndexOf(run);
            if (at < 0)
            {
                return tokens.AsSpan().IndexOf(run);
            }

            at += behind;
            behind = at + run.Length;
            return at;
        });
    }

    /// <summary>Decouples a tree in the full form and points at the positions where its words really stand.</summary>
    /// <param name="full">A tree in the full form: its leaves are the whole utterance in order.</param>
    /// <param name="words">The utterance's words, in order; each one token without white space and brackets.</param>
    /// <remarks>
    /// The tree's words and <paramref name="words"/> may be split differently here and there; a run that meets such a place is quoted. If they are
    /// not the same text at all, positions are chosen as <see cref="FromDecoupled"/> does.
    /// </remarks>
    /// <exception cref="ArgumentException">An item of <paramref name="words"/> is not one token.</exception>
    public static FrameTree FromFull(FrameTree full, IReadOnlyList<string> words)
    {
        ArgumentNullException.ThrowIfNull(full);
        var tokens = Tokens(words);
        var leaves = full.Words();
        if (string.Concat(leaves) != string.Concat(tokens))
        {
            return FromDecoupled(DecoupledForm.FromFull(full), words);
        }

        var positions = Align(leaves, tokens);
        return SpanWriter.Write(full, (run, firstLeaf) =>
            positions.AsSpan(firstLeaf, run.Length).Contains(-1) ? -1 : positions[firstLeaf]);
    }

    /// <summary>Replaces the positions of an index tree by the words they point at.</summary>
    /// <param name="index">An index tree, perhaps a model's output.</param>
    /// <param name="words">The utterance's words, in order; each one token without white space and brackets.</param>
    /// <exception cref="FormatException">
    /// The message names the slot: an intent holds a leaf; a leaf is neither a position nor a quoted word; a first position has no last one; a
    /// position is not below the number of words; the last comes before the first; or all spans together exceed <see cref="MaxWords"/>.
    /// </exception>
    /// <exception cref="ArgumentException">An item of <paramref name="words"/> is not one token.</exception>
    public static FrameTree ToDecoupled(FrameTree index, IReadOnlyList<string> words)
    {
        ArgumentNullException.ThrowIfNull(index);
        var reader = new SpanReader(Tokens(words));
        return reader.Read(index) ?? throw new FormatException(reader.Error);
    }

    /// <summary>As <see cref="ToDecoupled"/>; false, without an exception, where that would throw a <see cref="FormatException"/>.</summary>
    public static bool TryToDecoupled(FrameTree index, IReadOnlyList<string> words, [NotNullWhen(true)] out FrameTree? decoupled)
    {
        ArgumentNullException.ThrowIfNull(index);
        decoupled = new SpanReader(Tokens(words)).Read(index);
        return decoupled is not null;
    }

    private static string[] Tokens(IReadOnlyList<string> words)
    {
        ArgumentNullException.ThrowIfNull(words);
        var tokens = new string[words.Count];
        for (var i = 0; i < tokens.Length; i++)
        {
            tokens[i] = words[i];
            if (!FrameNode.IsToken(tokens[i]))
            {
                throw new ArgumentException($"Word {i}: expected one token without white space and brackets, found \"{tokens[i]}\".", nameof(words));
            }
        }

        return tokens;
    }

    private static bool HoldsIntentWord(FrameNode node)
    {
        foreach (var child in node.Children)
        {
            if (child.Kind == FrameNodeKind.Word ? node.Kind == FrameNodeKind.Intent : HoldsIntentWord(child))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>For each leaf the word that covers the same characters, or -1 where the two texts are split differently.</summary>
    private static int[] Align(IReadOnlyList<string> leaves, string[] words)
    {
        var positions = new int[leaves.Count];
        int word = 0, wordStart = 0, leafStart = 0;
        for (var leaf = 0; leaf < positions.Length; leaf++)
        {
            while (wordStart < leafStart)
            {
                wordStart += words[word++].Length;
            }

            positions[leaf] = wordStart == leafStart && words[word] == leaves[leaf] ? word : -1;
            leafStart += leaves[leaf].Length;
        }

        return positions;
    }
}
