namespace LayerSkip.Parsing.Frames;

/// <summary>The first rule of task-oriented parses that a tree breaks.</summary>
/// <param name="Path">The labels from the root to the offending node, joined by <c> &gt; </c>.</param>
/// <param name="Message">The rule, and what was found instead.</param>
public sealed record FrameViolation(string Path, string Message)
{
    /// <summary>Path and message in one line.</summary>
    public override string ToString() => $"{Path}: {Message}";
}
