using LayerSkip.Parsing.Scoring;

namespace LayerSkip.Cli.Evaluation;

/// <summary>Counts over a number of answers. Add with <c>+</c>.</summary>
internal sealed record AnswerScores
{
    /// <summary>No rows: the zero of addition.</summary>
    public static AnswerScores None { get; } = new();

    public long Rows { get; init; }

    /// <summary>Answers that are exactly right: the tree of a row with a frame, the trimmed text of any other.</summary>
    public long ExactMatches { get; init; }

    /// <summary>Answers with the very tokens that full depth gave.</summary>
    public long SameAsFullDepth { get; init; }

    /// <summary>Answers that reached the most tokens, or the end of the context.</summary>
    public long Unfinished { get; init; }

    /// <summary>Of the rows with a frame.</summary>
    public FrameScores Frames { get; init; } = FrameScores.None;

    /// <summary>Share of exact matches, 0..1; 0 without rows.</summary>
    public double ExactMatch => Share(ExactMatches);

    /// <summary>Share of answers with the very tokens that full depth gave, 0..1; 0 without rows.</summary>
    public double Agreement => Share(SameAsFullDepth);

    public static AnswerScores operator +(AnswerScores left, AnswerScores right) => new()
    {
        Rows = left.Rows + right.Rows,
        ExactMatches = left.ExactMatches + right.ExactMatches,
        SameAsFullDepth = left.SameAsFullDepth + right.SameAsFullDepth,
        Unfinished = left.Unfinished + right.Unfinished,
        Frames = left.Frames + right.Frames,
    };

    private double Share(long part) => Rows == 0 ? 0 : (double)part / Rows;
}
