namespace LayerSkip.Engine.Constraints;

/// <summary>
/// A state of an automaton over bytes that a caller brings: what has been written so far decides it, and it decides what may follow. See
/// <see cref="Grammar.Automaton(TextState)"/>.
/// </summary>
/// <remarks>
/// <para>
/// For languages that are easier to walk than to spell out, such as texts that quote another one. States are made as decoding comes to them, so that
/// an automaton may have more of them than would fit into memory. They are kept as long as their constraint is, up to some ten thousand, so that each
/// should hold little.
/// </para>
/// <para>
/// They are immutable, and records, so that equal ones are known as such: what is found of one serves the others. A record compares arrays and lists by
/// reference; wrap those in a type that compares what they hold. Members are called on several threads, equality within a lock: none may wait. What
/// they throw fails the generation.
/// </para>
/// <para>Special tokens have no text, and cannot come within an automaton.</para>
/// </remarks>
public abstract record TextState
{
    /// <summary>
    /// Bytes of the shortest text that completes what has been written: 0 where the text may end here, <see cref="int.MaxValue"/> where nothing completes it.
    /// By the bytes that lead to less of them an output is brought to its end when it runs out of room.
    /// </summary>
    public abstract int MinBytes { get; }

    /// <summary>The bytes that may come next.</summary>
    public abstract ByteSet NextBytes { get; }

    /// <summary>
    /// Whether a token may end here; true unless overridden. False where text is to be written by tokens that hold the whole of it, such as labels that are tokens of their own: a model
    /// that spells them in letters is not in its element. From every state some token must lead to one where it may.
    /// </summary>
    public virtual bool MayEndToken => true;

    /// <summary>The state after a byte.</summary>
    /// <param name="value">One of <see cref="NextBytes"/>.</param>
    public abstract TextState After(byte value);
}
