using LayerSkip.Cli.Evaluation;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Training;
using LayerSkip.Training.Data;

namespace LayerSkip.Cli.Training;

/// <summary>A recipe with everything it refers to read and checked: what remains is to train.</summary>
internal sealed class TrainingPlan
{
    private TrainingPlan(TrainingRecipe recipe, StartingPoint start, IReadOnlyList<RowSet> sets, EvaluationSet? evaluation, CancellationToken cancellationToken)
    {
        (Recipe, Start, Sets, Evaluation) = (recipe, start, sets, evaluation);
        Data = new TrainingData([.. sets.Select(set => set.TrainingSet)], recipe.TokensPerStep, recipe.Seed);
        Options = new TrainingOptions
        {
            Steps = recipe.Steps ?? Data.Steps(recipe.Epochs!.Value),
            Recipe = recipe.Recipe,
            Optimizer = recipe.Optimizer,
            LabelSmoothing = recipe.LabelSmoothing,
            ActivationDropout = recipe.ActivationDropout,
            Seed = recipe.Seed,
            Threads = recipe.Threads,
        };
        Generation = recipe.Generation.DraftCoverage is { } coverage
            ? start.Generation with { DraftVocabulary = DraftVocabulary.Choose(sets.SelectMany(set => set.Sequences), coverage) }
            : start.Generation;
        Description = RunDescription.Of(recipe, start, Options, sets, cancellationToken);
    }

    public TrainingRecipe Recipe { get; }

    public StartingPoint Start { get; }

    public IReadOnlyList<RowSet> Sets { get; }

    public TrainingData Data { get; }

    /// <summary>What the checkpoints are to say about generation.</summary>
    public GenerationDefaults Generation { get; }

    public TrainingOptions Options { get; }

    /// <summary>Null where the recipe has none.</summary>
    public EvaluationSet? Evaluation { get; }

    public RunDescription Description { get; }

    public ModelConfig Config => Start.Config;

    public long Parameters => Measurement.ModelSize.Matrices(Config) + Measurement.ModelSize.Vectors(Config);

    /// <summary>Tokens of the largest batch, of training or evaluation.</summary>
    public int LargestBatchTokens => Math.Max(LargestBatch(Recipe, Sets), Evaluation?.LargestBatchTokens ?? 0);

    /// <summary>Reads tokenizer, template and data.</summary>
    /// <param name="recipe">The recipe.</param>
    /// <param name="progress">Told the share of the files read, 0..1.</param>
    /// <param name="cancellationToken">Looked at between rows, and while weights are read.</param>
    /// <exception cref="UsageException">A row is wrong, or the recipe does not fit model or data.</exception>
    /// <exception cref="CheckpointException">A file of the starting point is missing or damaged.</exception>
    public static TrainingPlan Create(TrainingRecipe recipe, IProgress<double> progress, CancellationToken cancellationToken)
    {
        var start = StartingPoint.Load(recipe, RunClock.Of(recipe.Output));
        if (recipe.Recipe.ExitWeights is { } weights && weights.Count != start.Config.Layers)
        {
            throw new UsageException($"{recipe.File}: recipe.exit_weights has {weights.Count} numbers, expected one for each of the model's {start.Config.Layers} layers");
        }

        CheckGrowth(recipe, start.Config.Layers);
        if (recipe.MaxTokens > start.Config.MaxPositions)
        {
            throw new UsageException($"{recipe.File}: max_tokens is {recipe.MaxTokens}, expected at most {start.Config.MaxPositions}, the model's context");
        }

        var encoder = new RowEncoder(start.Prompts, start.Generation.EndOfSequenceIds);
        var maxTokens = recipe.MaxTokens ?? start.Config.MaxPositions;
        var sets = new List<RowSet>();
        foreach (var source in recipe.Data)
        {
            sets.Add(RowSet.Read(source, recipe, encoder, maxTokens, cancellationToken));
            progress.Report((double)sets.Count / (recipe.Data.Count + 1));
        }

        var evaluation = recipe.Evaluation is { } wanted ? EvaluationSet.Read(wanted, recipe, start, encoder, maxTokens, LargestBatch(recipe, sets)) : null;
        var plan = new TrainingPlan(recipe, start, sets, evaluation, cancellationToken);
        plan.CheckSteps();
        return plan;
    }

    /// <summary>Tokens of training's largest batch: a step takes whole sequences, so it exceeds its tokens by less than the longest.</summary>
    private static int LargestBatch(TrainingRecipe recipe, IReadOnlyList<RowSet> sets)
    {
        var longest = sets.Max(set => set.Sequences.Max(sequence => sequence.Tokens.Count)) - 1;
        return recipe.TokensPerBatch is { } tokens ? Math.Max(tokens, longest) : recipe.TokensPerStep + longest - 1;
    }

    /// <summary>What is to happen within the run must fit into its steps.</summary>
    private void CheckSteps()
    {
        var (steps, stages) = (Options.Steps, Options.Recipe.Growth);
        if (Options.Optimizer.WarmupSteps >= steps)
        {
            throw new UsageException($"{Recipe.File}: optimizer.warmup_steps is {Options.Optimizer.WarmupSteps}, expected fewer than the run's {steps} steps");
        }

        if (Options.Recipe.DepthAt(Config.Layers, steps - 1, steps) != Config.Layers)
        {
            throw new UsageException(FormattableString.Invariant(
                $"{Recipe.File}: recipe.growth[{stages.Count - 1}].start is {stages[^1].Start}, expected at most {(steps - 1.0) / steps:0.######}, where the last of the run's {steps} steps begins"));
        }
    }

    private static void CheckGrowth(TrainingRecipe recipe, int layers)
    {
        var stages = recipe.Recipe.Growth;
        var rises = stages.Zip(stages.Skip(1)).All(pair => pair.First.Start < pair.Second.Start && pair.First.Layers < pair.Second.Layers);
        if (stages.Count > 0 && recipe.Shape is null)
        {
            throw new UsageException($"{recipe.File}: recipe.growth is given, but the model starts from a checkpoint, which has all its layers");
        }

        if (stages.Count > 0 && (stages[0].Start != 0 || !rises || stages[^1].Layers != layers))
        {
            throw new UsageException($"{recipe.File}: recipe.growth must start at 0 and rise, in start and layers, to the model's {layers} layers");
        }
    }

    /// <summary>The batches of a step: whole sequences, in their order.</summary>
    public IReadOnlyList<SequenceBatch> Batches(IReadOnlyList<TrainingSequence> step) => Batches(step, Recipe.TokensPerBatch ?? int.MaxValue);

    /// <summary>Splits sequences into batches of at most so many tokens; one that is longer makes a batch of its own.</summary>
    public static IReadOnlyList<SequenceBatch> Batches(IReadOnlyList<TrainingSequence> sequences, int mostTokens)
    {
        var batches = new List<SequenceBatch>();
        var (from, tokens) = (0, 0L);
        for (var i = 0; i < sequences.Count; i++)
        {
            var length = sequences[i].Tokens.Count - 1;
            if (i > from && tokens + length > mostTokens)
            {
                batches.Add(new SequenceBatch([.. sequences.Take(i).Skip(from)]));
                (from, tokens) = (i, 0);
            }

            tokens += length;
        }

        batches.Add(new SequenceBatch([.. sequences.Skip(from)]));
        return batches;
    }
}
