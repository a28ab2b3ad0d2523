namespace LayerSkip.Cli.Evaluation;

/// <summary>How well a model answers when its first layers decide every token.</summary>
internal sealed class DepthEvaluation
{
    private readonly IReadOnlyList<EvaluationRow> _rows;
    private readonly IReadOnlyList<AnswerScores> _scores;

    /// <param name="layers">How many layers ran.</param>
    /// <param name="isFullDepth">Whether these are all.</param>
    /// <param name="rows">The rows evaluated.</param>
    /// <param name="answers">One for each row.</param>
    /// <param name="scores">One for each row.</param>
    /// <param name="seconds">How long decoding took.</param>
    public DepthEvaluation(
        int layers,
        bool isFullDepth,
        IReadOnlyList<EvaluationRow> rows,
        IReadOnlyList<Answer> answers,
        IReadOnlyList<AnswerScores> scores,
        double seconds)
    {
        Layers = layers;
        IsFullDepth = isFullDepth;
        Answers = answers;
        Seconds = seconds;
        _rows = rows;
        _scores = scores;
        Summary = Summarize(_ => true);
    }

    /// <summary>Layers that ran.</summary>
    public int Layers { get; }

    /// <summary>Whether <see cref="Layers"/> are all of the model's; otherwise the answers are lossy early exits.</summary>
    public bool IsFullDepth { get; }

    /// <summary>One for each row.</summary>
    public IReadOnlyList<Answer> Answers { get; }

    /// <summary>Seconds that decoding all rows took.</summary>
    public double Seconds { get; }

    /// <summary>Scores of all rows.</summary>
    public ScoreSummary Summary { get; }

    /// <summary>Scores of some of the rows, chosen by their index.</summary>
    public ScoreSummary Summarize(Func<int, bool> isChosen) =>
        ScoreSummary.Of(_rows.Zip(_scores).Where((_, index) => isChosen(index)).Select(pair => (pair.First.Domain, pair.Second)));
}
