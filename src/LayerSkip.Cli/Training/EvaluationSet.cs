using LayerSkip.Cli.Evaluation;
using LayerSkip.Cli.Measurement;
using LayerSkip.Engine;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices;
using LayerSkip.Training;

namespace LayerSkip.Cli.Training;

/// <summary>Rows that the model in training is asked from time to time: greedy answers by full depth and by exits, and the losses of all exits.</summary>
internal sealed class EvaluationSet
{
    /// <summary>Most rows of token predictions computed at once, even where training computes more.</summary>
    private const int BatchRows = 2048;

    private readonly Evaluator _evaluator;
    private readonly EvaluatorSettings _settings;
    private readonly IReadOnlyList<SequenceBatch> _batches;
    private readonly EvaluationRecipe _recipe;
    private readonly GenerationDefaults _generation;
    private readonly int? _threads;
    private readonly WeightFormat _format;

    private EvaluationSet(
        Evaluator evaluator, EvaluatorSettings settings, IReadOnlyList<SequenceBatch> batches, EvaluationRecipe evaluation, GenerationDefaults generation, TrainingRecipe recipe)
    {
        (_evaluator, _settings, _batches, _recipe, _generation) = (evaluator, settings, batches, evaluation, generation);
        (_threads, _format) = (recipe.Threads, recipe.DataType == TensorDataType.F32 ? WeightFormat.F32 : WeightFormat.BF16);
    }

    /// <summary>Rows.</summary>
    public int Rows => _evaluator.Rows.Count;

    /// <summary>Rows left out because they are too long.</summary>
    public required int Skipped { get; init; }

    /// <summary>Tokens of the largest batch whose losses are computed at once.</summary>
    public int LargestBatchTokens => _batches.Max(batch => batch.Rows);

    /// <summary>Reads and encodes rows, spread evenly over the files and over each file.</summary>
    /// <param name="evaluation">Which rows.</param>
    /// <param name="recipe">Says how parses are written, and what is done with long rows.</param>
    /// <param name="start">What encodes the prompts.</param>
    /// <param name="encoder">Encodes rows as training does.</param>
    /// <param name="maxTokens">Most tokens of a sequence.</param>
    /// <param name="batchTokens">Tokens of the largest batch that training computes at once, which evaluating is not to exceed.</param>
    /// <exception cref="UsageException">A row is wrong or too long, or a file holds none.</exception>
    public static EvaluationSet Read(
        EvaluationRecipe evaluation, TrainingRecipe recipe, StartingPoint start, RowEncoder encoder, int maxTokens, int batchTokens)
    {
        var skipped = 0;
        var rows = new List<EvaluationRow>();
        var sequences = new List<TrainingSequence>();
        foreach (var (index, file) in evaluation.Files.Index())
        {
            var all = EvaluationFile.Read("evaluation", file);
            var count = Math.Min(all.Count, Share(evaluation.Rows, index + 1, evaluation.Files.Count) - Share(evaluation.Rows, index, evaluation.Files.Count));
            var chosen = Enumerable.Range(0, count).Select(i => (int)((long)i * all.Count / count)).ToHashSet();
            foreach (var (i, row) in RowFile.Read(file, recipe.Form).Index().Where(row => chosen.Contains(row.Index)))
            {
                var encoded = encoder.Encode(row, LossRange.Response);
                if (RowSet.Takes(row.Source, encoded, recipe, maxTokens))
                {
                    rows.Add(all[i]);
                    sequences.AddRange(encoded);
                }
                else
                {
                    skipped++;
                }
            }
        }

        if (rows.Count == 0)
        {
            throw new UsageException($"{recipe.File}: evaluation has no row of at most {maxTokens} tokens");
        }

        var settings = new EvaluatorSettings { Form = recipe.Form };
        var evaluator = new Evaluator(rows, start.Tokenizer, start.Prompts, settings);
        evaluator.Check(start.Config.MaxPositions);
        return new EvaluationSet(evaluator, settings, TrainingPlan.Batches(sequences, Math.Min(BatchRows, batchTokens)), evaluation, start.Generation, recipe)
        {
            Skipped = skipped,
        };
    }

    /// <summary>About how many bytes answering takes beside the trainer's: the model as the engine loads it, and the caches of the rows that it answers at once.</summary>
    /// <param name="config">The model's shape.</param>
    public long EstimateBytes(ModelConfig config)
    {
        var answer = _generation.MaxNewTokens ?? EvaluatorSettings.DefaultMaxTokens;
        var positions = Math.Min(config.MaxPositions, _evaluator.Prompts.Max(prompt => prompt.Length) + answer);
        return (ModelSize.Matrices(config) * (_format == WeightFormat.F32 ? 4 : 2)) + (ModelSize.Vectors(config) * sizeof(float))
            + (Math.Min(Rows, _settings.Concurrency) * positions * ModelSize.KvBytesPerToken(config));
    }

    /// <summary>Evaluates the model as its checkpoint would answer.</summary>
    /// <param name="trainer">The model in training.</param>
    /// <param name="cancellationToken">Ends the evaluation early.</param>
    /// <exception cref="OperationCanceledException">It was ended.</exception>
    public EvaluationScores Evaluate(Trainer trainer, CancellationToken cancellationToken)
    {
        var losses = new double[trainer.Config.Layers];
        var targets = _batches.Sum(batch => batch.Targets);
        foreach (var batch in _batches)
        {
            cancellationToken.ThrowIfCancellationRequested();
            foreach (var (exit, loss) in trainer.Evaluate(batch).Index())
            {
                losses[exit] += loss * batch.Targets / targets;
            }
        }

        using var weights = trainer.CreateWeightSource();
        using var model = LayerSkipModel.FromWeights(
            "the model in training", trainer.Config, weights, _generation, new ModelOptions { Threads = _threads, WeightFormat = _format }, cancellationToken: cancellationToken);
        var depths = _evaluator.Evaluate(model, _recipe.Exits, cancellationToken: cancellationToken);
        return new EvaluationScores(
            losses, depths.ToDictionary(depth => depth.Layers, depth => depth.Summary.ExactMatch), depths[0].Summary.Overall, _evaluator.MaxTokens(model));
    }

    /// <summary>How many of the rows the first files hold together.</summary>
    private static int Share(int rows, int files, int all) => (int)((long)rows * files / all);
}
