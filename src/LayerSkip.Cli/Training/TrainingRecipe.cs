using LayerSkip.Cli.Evaluation;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Training.Optimization;
using LayerSkip.Training.Recipes;

namespace LayerSkip.Cli.Training;

/// <summary>A recipe file as written, checked as far as it can be without the tokenizer and the data. Paths are full.</summary>
internal sealed record TrainingRecipe
{
    /// <summary>The recipe file, as the user named it.</summary>
    public required string File { get; init; }

    /// <summary>Where the run goes.</summary>
    public required string Output { get; init; }

    public required ulong Seed { get; init; }

    /// <summary>The directory whose tokenizer and chat template encode rows: of a tokenizer alone, or the checkpoint to start from.</summary>
    public required string Source { get; init; }

    /// <summary>The shape of a model from scratch; null to start from the checkpoint in <see cref="Source"/>.</summary>
    public required ModelShape? Shape { get; init; }

    /// <summary>How the parses of .tsv files are written, for training and evaluation.</summary>
    public required TargetForm Form { get; init; }

    public required IReadOnlyList<DataSource> Data { get; init; }

    /// <summary>Most tokens of a row; null for the model's context.</summary>
    public required int? MaxTokens { get; init; }

    /// <summary>Rows with more are left out; otherwise they are an error.</summary>
    public required bool SkipTooLong { get; init; }

    public required LayerSkipRecipe Recipe { get; init; }

    public required OptimizerOptions Optimizer { get; init; }

    public required double LabelSmoothing { get; init; }

    public required double ActivationDropout { get; init; }

    /// <summary>Either this or <see cref="Steps"/>.</summary>
    public required double? Epochs { get; init; }

    public required int? Steps { get; init; }

    /// <summary>Tokens that a step is filled with, each sequence's last one aside.</summary>
    public required int TokensPerStep { get; init; }

    /// <summary>Most tokens that are computed at once; null for all of a step's.</summary>
    public required int? TokensPerBatch { get; init; }

    /// <summary>Null for one a processor.</summary>
    public required int? Threads { get; init; }

    public required EvaluationRecipe? Evaluation { get; init; }

    public required CheckpointRecipe Checkpoint { get; init; }

    public required GenerationRecipe Generation { get; init; }

    /// <summary>How the checkpoint's weights are stored.</summary>
    public required TensorDataType DataType { get; init; }

    /// <summary>Steps from one line of the metrics file to the next.</summary>
    public required int MetricsEverySteps { get; init; }
}
