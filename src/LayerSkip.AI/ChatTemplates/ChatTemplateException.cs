namespace LayerSkip.AI.ChatTemplates;

/// <summary>A chat template cannot be parsed or rendered, refuses the conversation, or exceeds a sandbox limit.</summary>
/// <remarks>The message names the line and the construct, and what was expected.</remarks>
public sealed class ChatTemplateException : Exception
{
    internal ChatTemplateException(string message, int line, string? refusal = null, Exception? innerException = null)
        : base($"Chat template, line {line}: {message}", innerException)
    {
        Line = line;
        Refusal = refusal;
    }

    /// <summary>The template's line on which the error arose, from 1.</summary>
    public int Line { get; }

    /// <summary>
    /// The template's own words where it called <c>raise_exception</c> (such as "Conversation roles must alternate"), cut after 1000
    /// UTF-16 code units; else null.
    /// </summary>
    public string? Refusal { get; }
}
