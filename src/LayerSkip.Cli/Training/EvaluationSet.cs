using LayerSkip.Cli.Evaluation;
using LayerSkip.Engine;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices;
using LayerSkip.Training;

namespace LayerSkip.Cli.Training;

/// <summary>Rows that the model in training is asked from time to time: greedy answers by full depth and by exits, and the losses of all exits.</summary>
internal sealed class EvaluationSet
{
    /// <summary>Rows of token predictions computed at once.</summary>
    private const int BatchRows = 2048;

    private readonly Evaluator _evaluator;
    private readonly IReadOnlyList<SequenceBatch> _batches;
    private readonly EvaluationRecipe _recipe;
    private readonly GenerationDefaults _generation;
    private readonly int? _threads;
    private readonly WeightFormat _format;

    private EvaluationSet(Evaluator evaluator, IReadOnlyList<SequenceBatch> batches, EvaluationRecipe evaluation, GenerationDefaults generation, TrainingRecipe recipe)
    {
        (_evaluator, _batches, _recipe, _generation) = (evaluator, batches, evaluation, generation);
        (_threads, _format) = (recipe.Threads, recipe.DataType == TensorDataType.F32 ? WeightFormat.F32 : WeightFormat.BF16);
    }

    /// <summary>Rows.</summary>
    public int Rows => _evaluator.Rows.Count;

    /// <summary>Reads and encodes rows, spread evenly over the files and over each file.</summary>
    /// <exception cref="UsageException">A row is wrong or too long, or a file holds none.</exception>
    public static EvaluationSet Read(EvaluationRecipe evaluation, TrainingRecipe recipe, StartingPoint start, RowEncoder encoder, int maxTokens)
    {
        var rows = new List<EvaluationRow>();
        var sequences = new List<TrainingSequence>();
        foreach (var (index, file) in evaluation.Files.Index())
        {
            var all = EvaluationFile.Read("evaluation", file);
            var count = Math.Min(all.Count, Share(evaluation.Rows, index + 1, evaluation.Files.Count) - Share(evaluation.Rows, index, evaluation.Files.Count));
            var chosen = Enumerable.Range(0, count).Select(i => (int)((long)i * all.Count / count)).ToHashSet();
            rows.AddRange(chosen.Order().Select(i => all[i]));
            sequences.AddRange(RowFile.Read(file, recipe.Form)
                .Where((_, i) => chosen.Contains(i))
                .SelectMany(row => encoder.Encode(row, LossRange.Response))
                .Where(sequence => sequence.Tokens.Count <= maxTokens));
        }

        if (rows.Count == 0 || sequences.Count == 0)
        {
            throw new UsageException($"{recipe.File}: evaluation has no row of at most {maxTokens} tokens");
        }

        Evaluator Of(IReadOnlyList<EvaluationRow> rows) => new(rows, start.Tokenizer, start.Prompts, new EvaluatorSettings { Form = recipe.Form });
        var evaluator = Of(rows);
        if (recipe.SkipTooLong)
        {
            evaluator = Of([.. rows.Where((_, row) => evaluator.Fits(row, start.Config.MaxPositions))]);
        }

        evaluator.Check(start.Config.MaxPositions);
        return new EvaluationSet(evaluator, TrainingPlan.Batches(sequences, BatchRows), evaluation, start.Generation, recipe);
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
        return new EvaluationScores(losses, depths.ToDictionary(depth => depth.Layers, depth => depth.Summary.ExactMatch));
    }

    /// <summary>How many of the rows the first files hold together.</summary>
    private static int Share(int rows, int files, int all) => (int)((long)rows * files / all);
}
