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
/// slot and every nested intent stands for a word at least. Labels are those that the tokenizer has tokens for, else any that
/// <see cref="FrameTree.Validate"/> accepts.
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
    /// <param name="labels">
    /// The labels that a frame may have, with their prefixes; null: all. Where none of them is an intent's, or none a slot's, all of that kind. Whatever is said becomes one of the intents:
    /// let there be one for what is not meant (<c>IN:UNSUPPORTED_...</c>).
    /// </param>
    /// <exception cref="ArgumentException">The utterance has more than <see cref="MaxWords"/> words; or a label is none, or none that the tokenizer has a token for where it has any.</exception>
    public static TokenConstraint Constrain(string utterance, Tokenizer tokenizer, IReadOnlyCollection<string>? labels = null)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);

        // Words in the prompt's own tokens: the model copies them so.
        return new(Frames(new Grammar(), utterance, labels, FrameLabels.Of(tokenizer)), tokenizer) { TakesCertainText = false };
    }

    /// <summary>The language of an utterance's frames, for a part of a language of your own; labels may be spelled in any tokens.</summary>
    /// <param name="grammar">The grammar to build it in.</param>
    /// <param name="utterance">What was said.</param>
    /// <param name="labels">The labels that a frame may have, with their prefixes; null: any. Where none of them is an intent's, or none a slot's, any of that kind.</param>
    /// <exception cref="ArgumentException">The utterance has more than <see cref="MaxWords"/> words; or a label is none that <see cref="FrameTree.Validate"/> accepts.</exception>
    public static GrammarNode Language(Grammar grammar, string utterance, IReadOnlyCollection<string>? labels = null)
    {
        ArgumentNullException.ThrowIfNull(grammar);
        return Frames(grammar, utterance, labels, FrameLabels.Any);
    }

    /// <summary>The labels that a tokenizer has tokens for: what a parser with labels as added tokens knows of intents (<c>IN:...</c>) and slots (<c>SL:...</c>), in ordinal order.</summary>
    /// <param name="tokenizer">The parser's tokenizer.</param>
    public static IReadOnlyCollection<string> Labels(Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        return FrameLabels.List(tokenizer);
    }

    private static GrammarNode Frames(Grammar grammar, string utterance, IReadOnlyCollection<string>? labels, FrameLabels others)
    {
        ArgumentNullException.ThrowIfNull(utterance);
        foreach (var label in labels ?? [])
        {
            if (!others.Has(label))
            {
                var expected = others.AreTokens ? $"one that the tokenizer has a token for ({nameof(GroundedFrames)}.{nameof(Labels)})" : "IN: or SL:, a letter A-Z, then letters A-Z, digits and underscores";
                throw new ArgumentException($"'{label}' is no label of a frame, expected {expected}.", nameof(labels));
            }
        }

        var spoken = new SpokenText(utterance);
        return spoken.Words <= MaxWords
            ? grammar.Automaton(new StartState(new GroundedLanguage(spoken, labels is null ? others : new FrameLabels(labels, others)), MayIndent: true))
            : throw new ArgumentException($"The utterance has {spoken.Words} words, expected at most {MaxWords}.", nameof(utterance));
    }
}
