namespace LayerSkip.Cli.Evaluation;

/// <summary>How to evaluate.</summary>
internal sealed record EvaluatorSettings
{
    /// <summary>Most tokens of an answer, where neither the user nor the checkpoint says.</summary>
    public const int DefaultMaxTokens = 256;

    /// <summary>Sequences decoded at once unless asked otherwise: enough to read the weights once for many rows; more were measured to gain nothing.</summary>
    public const int DefaultConcurrency = 32;

    /// <summary>Most tokens of an answer, at least 1; null: the model's own default, else <see cref="DefaultMaxTokens"/>.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>Sequences decoded at once, at least 1.</summary>
    public int Concurrency { get; init; } = DefaultConcurrency;

    /// <summary>How the model writes frames.</summary>
    public TargetForm Form { get; init; }

    /// <summary>Whether answers to rows with a frame are held to the frames that the utterance can have.</summary>
    public bool IsGrounded { get; init; }
}
