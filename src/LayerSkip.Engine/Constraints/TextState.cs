namespace LayerSkip.Engine.Constraints;

/// <summary>
/// A state of an automaton over bytes that a caller brings: what has been written so far decides it, and it decides what may follow. See
/// <see cref="Grammar.Automaton(TextState)"/>.
/// </summary>
/// <remarks>
/// For languages that are easier to walk than to spell out, such as texts that quote another one. States are made as decoding comes to them, so that
/// an automaton may have more of them than would fit into memory. They are immutable, and records, so that equal ones are known as such: what is found
/// of one serves the others.
/// </remarks>
public abstract record TextState
{
    /// <summary>Whether the text may end here.</summary>
    public abstract bool CanEnd { get; }

    /// <summary>Bytes of the shortest text that completes what has been written: 0 exactly where <see cref="CanEnd"/>.</summary>
    public abstract int MinBytes { get; }

    /// <summary>The bytes that may come next; none, and no end, is a language without a text.</summary>
    public abstract ByteSet NextBytes { get; }

    /// <summary>The state after a byte.</summary>
    /// <param name="value">One of <see cref="NextBytes"/>.</param>
    public abstract TextState After(byte value);
}
