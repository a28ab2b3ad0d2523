namespace LayerSkip.Cli.Evaluation;

/// <summary>The prompts of training files, compared without regard to case and to how white space is made up.</summary>
internal sealed class TrainingPrompts
{
    private readonly HashSet<string> _prompts = new(StringComparer.Ordinal);

    /// <summary>Rows in the files.</summary>
    public int Rows { get; private set; }

    /// <summary>Adds a file's prompts.</summary>
    public void Add(IEnumerable<EvaluationRow> rows)
    {
        foreach (var row in rows)
        {
            _prompts.Add(Normalize(row.Prompt));
            Rows++;
        }
    }

    /// <summary>Whether a row's prompt is among them.</summary>
    public bool Contains(EvaluationRow row) => _prompts.Contains(Normalize(row.Prompt));

    private static string Normalize(string prompt) =>
        string.Join(' ', prompt.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).ToLowerInvariant();
}
