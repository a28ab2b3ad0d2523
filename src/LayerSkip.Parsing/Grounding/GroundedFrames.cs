using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Parsing.Forms;
using LayerSkip.Parsing.Frames;

namespace LayerSkip.Parsing.Grounding;

/// <summary>
/// The frames that an utterance can have, as a language for a <see cref="TokenConstraint"/>: what a parser held to it writes is well-formed, and its words are
/// all the utterance's own, in the utterance's order (unless there is not even room to close it: <see cref="DecodingOptions.Constraint"/>).
/// </summary>
/// <remarks>
/// <para>
/// Frames are those of the decoupled form (<see cref="DecoupledForm"/>) in their canonical spelling, perhaps behind one space. Words are the
/// utterance's as <see cref="UtteranceWords.Split"/> splits them, or joined where the speaker joined them (<c>5 PM</c>, <c>5PM</c>). What one slot
/// holds is a run of neighbouring words (but around a nested intent, which may have dropped some), slots follow one another as their words do, and every
/// slot and every nested intent stands for a word at least. Labels may be any that <see cref="FrameTree.Validate"/> accepts.
/// </para>
/// <para>
/// Of the 141,757 rows of TOPv2's training and evaluation splits all but 18 have such a frame: 17 have a slot without a word, and one splits a word as
/// no other row does. Constrained decoding of semantic parses: Shin et al., <i>Constrained Language Models Yield Few-Shot Semantic Parsers</i>, EMNLP 2021.
/// </para>
/// </remarks>
public static class GroundedFrames
{
    /// <summary>The deepest nesting of brackets: 16 (TOPv2's deepest parse has 8).</summary>
    public const int MaxDepth = 16;

    /// <summary>Most words of an utterance, as <see cref="UtteranceWords.Split"/> counts them: 1,024 (TOPv2's longest has under 100).</summary>
    public const int MaxWords = 1024;

    /// <summary>Holds a parser's answer to an utterance to its frames: for <see cref="DecodingOptions.Constraint"/> of that one request.</summary>
    /// <param name="utterance">What was said. Without a word, only a single intent is left.</param>
    /// <param name="tokenizer">The parser's tokenizer.</param>
    /// <exception cref="ArgumentException">The utterance has more than <see cref="MaxWords"/> words.</exception>
    public static TokenConstraint Constrain(string utterance, Tokenizer tokenizer) =>
        new(Language(new Grammar(), utterance), tokenizer) { TakesCertainText = false };

    /// <summary>The language of an utterance's frames.</summary>
    /// <param name="grammar">The grammar to build it in.</param>
    /// <param name="utterance">What was said.</param>
    /// <exception cref="ArgumentException">The utterance has more than <see cref="MaxWords"/> words.</exception>
    public static GrammarNode Language(Grammar grammar, string utterance)
    {
        ArgumentNullException.ThrowIfNull(grammar);
        ArgumentNullException.ThrowIfNull(utterance);
        var spoken = new SpokenText(utterance);
        return spoken.Words <= MaxWords
            ? grammar.Automaton(new StartState(spoken, MayIndent: true))
            : throw new ArgumentException($"The utterance has {spoken.Words} words, expected at most {MaxWords}.", nameof(utterance));
    }
}
