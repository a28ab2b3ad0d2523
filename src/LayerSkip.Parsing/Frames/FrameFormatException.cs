namespace LayerSkip.Parsing.Frames;

/// <summary>A text is not a bracketed frame tree.</summary>
/// <remarks>The message says at which position, what was expected there and what was found.</remarks>
public sealed class FrameFormatException : FormatException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What was expected and what was found, the position included.</param>
    /// <param name="position">0-based index of the offending UTF-16 character; the text's length where the text ends too early.</param>
    public FrameFormatException(string message, int position)
        : base(message)
    {
        Position = position;
    }

    /// <summary>0-based index of the offending UTF-16 character; the text's length where the text ends too early.</summary>
    public int Position { get; }
}
