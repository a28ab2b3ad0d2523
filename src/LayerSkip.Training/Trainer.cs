using LayerSkip.Engine.Checkpoints;
using LayerSkip.Training.Layers;
using LayerSkip.Training.Models;
using LayerSkip.Training.Numerics;
using LayerSkip.Training.Optimization;
using LayerSkip.Training.Recipes;

namespace LayerSkip.Training;

/// <summary>Trains a Llama-family model by the LayerSkip recipe, step by step. One caller at a time.</summary>
/// <remarks>
/// A step's result depends on the weights, the options, the step's number and its batches: never on the thread count. Hence a run that is
/// saved, resumed and given the same batches goes on to the same bits.
/// </remarks>
public sealed class Trainer : IDisposable
{
    private readonly TrainingModel _model;
    private readonly AdamW _optimizer;
    private bool _disposed;

    private Trainer(ModelConfig config, TrainingOptions options)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(options);
        TrainableShape.Check(config);
        options.Validate();
        EarlyExitLoss.Check(options.Recipe, config.Layers);
        ModelGrowth.Check(options.Recipe, config.Layers, options.Steps);
        Options = options;
        _optimizer = new AdamW(config, options.Optimizer);
        try
        {
            // Behind the optimizer: threads are started last, when the memory is there.
            _model = new TrainingModel(config, options.Threads ?? Environment.ProcessorCount);
        }
        catch
        {
            _optimizer.Dispose();
            throw;
        }
    }

    /// <summary>The model's shape.</summary>
    public ModelConfig Config => _model.Config;

    /// <summary>What the run was started with.</summary>
    public TrainingOptions Options { get; }

    /// <summary>Steps made: the number of the next one.</summary>
    public long Step { get; private set; }

    /// <summary>Parameters in all.</summary>
    public long Parameters => _model.Parameters.Count;

    /// <summary>Bytes held now: weights, gradients, moments (16 a parameter together), activations and scratch memory.</summary>
    public long Bytes => _model.Bytes + _optimizer.Bytes;

    /// <summary>What <see cref="Bytes"/> will be, within a few percent, for batches whose rows all bear a loss and go through every layer; others take less.</summary>
    /// <param name="config">The model's shape.</param>
    /// <param name="rows">Rows of the largest batch, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="rows"/> is less than 1.</exception>
    /// <exception cref="ArgumentException">The shape contradicts itself; the message names the field.</exception>
    /// <exception cref="NotSupportedException">The shape asks for biases.</exception>
    public static long EstimateBytes(ModelConfig config, int rows)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        TrainableShape.Check(config);
        return MemoryEstimate.Of(config, rows);
    }

    /// <summary>Starts from random weights: norms 1, matrices normal, those that write into the residual stream scaled by 1 / sqrt(2 L).</summary>
    /// <param name="config">The model's shape.</param>
    /// <param name="options">The run; its seed chooses the weights.</param>
    /// <param name="deviation">Standard deviation of the matrices, positive and finite.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is outside its range; the message names it.</exception>
    /// <exception cref="ArgumentException">The shape contradicts itself; the message names the field.</exception>
    /// <exception cref="NotSupportedException">The shape asks for biases.</exception>
    /// <exception cref="OutOfMemoryException">What <see cref="Bytes"/> counts does not fit into memory.</exception>
    public static Trainer FromScratch(ModelConfig config, TrainingOptions options, double deviation = 0.02)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(deviation);
        ArgumentOutOfRangeException.ThrowIfEqual(double.IsFinite(deviation), false, nameof(deviation));
        var trainer = new Trainer(config, options);
        var depth = ModelGrowth.Depth(options.Recipe, config.Layers, 0, options.Steps);
        Initialization.Fill(trainer._model.Parameters, config, deviation, options.Seed, depth);
        return trainer;
    }

    /// <summary>Starts from a checkpoint's weights.</summary>
    /// <param name="config">The checkpoint's shape.</param>
    /// <param name="weights">Its weights; not needed afterwards.</param>
    /// <param name="options">The run.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is outside its range; the message names it.</exception>
    /// <exception cref="ArgumentException">The shape contradicts itself, and the message names the field; or the recipe grows the model, which would overwrite layers of the checkpoint.</exception>
    /// <exception cref="NotSupportedException">The shape asks for biases.</exception>
    /// <exception cref="OutOfMemoryException">What <see cref="Bytes"/> counts does not fit into memory.</exception>
    /// <exception cref="CheckpointException">A tensor is missing or has another shape.</exception>
    public static Trainer FromWeights(ModelConfig config, WeightSource weights, TrainingOptions options)
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(options);
        if (options.Recipe.Growth.Count > 0)
        {
            throw new ArgumentException("Growth is given, expected none: a checkpoint has all its layers, and growing would replace them by copies.", nameof(options));
        }

        var trainer = new Trainer(config, options);
        try
        {
            trainer._model.Parameters.CopyFrom(weights);
            return trainer;
        }
        catch
        {
            trainer.Dispose();
            throw;
        }
    }

    /// <summary>Goes on where a run was saved.</summary>
    /// <param name="config">The model's shape.</param>
    /// <param name="options">The run's options; other values than it was saved under lead elsewhere.</param>
    /// <param name="path">What <see cref="Save"/> wrote.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is outside its range; the message names it.</exception>
    /// <exception cref="ArgumentException">The shape contradicts itself; the message names the field.</exception>
    /// <exception cref="NotSupportedException">The shape asks for biases.</exception>
    /// <exception cref="OutOfMemoryException">What <see cref="Bytes"/> counts does not fit into memory.</exception>
    /// <exception cref="CheckpointException">The file is damaged, or of another model or seed; the message says what was found and what was expected.</exception>
    public static Trainer Resume(ModelConfig config, TrainingOptions options, string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var trainer = new Trainer(config, options);
        try
        {
            trainer.Step = TrainingState.Read(path, options.Seed, trainer._model.Parameters, trainer._optimizer);
            return trainer;
        }
        catch
        {
            trainer.Dispose();
            throw;
        }
    }

    /// <summary>Makes one optimizer step.</summary>
    /// <param name="batches">One or more, whose gradients are accumulated: a target counts by its weight, whichever batch it is in.</param>
    /// <exception cref="ArgumentNullException">A batch is null.</exception>
    /// <exception cref="ArgumentException">There is no batch, or one does not fit the model.</exception>
    /// <exception cref="ObjectDisposedException">The trainer has been disposed.</exception>
    /// <exception cref="TrainingDivergedException">The loss or the gradient is not finite; the weights stay as they were.</exception>
    public StepReport MakeStep(params IReadOnlyList<SequenceBatch> batches)
    {
        ArgumentNullException.ThrowIfNull(batches);
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (batches.Count == 0)
        {
            throw new ArgumentException("A step needs at least one batch.", nameof(batches));
        }

        foreach (var batch in batches)
        {
            ArgumentNullException.ThrowIfNull(batch, nameof(batches));
            batch.Validate(Config.VocabularySize, Config.MaxPositions);
        }

        var depth = Grow();
        var (layerRows, operations) = (_model.LayerRows, _model.Operations);
        var total = batches.Sum(batch => batch.TotalWeight);
        var weights = EarlyExitLoss.Weights(Options.Recipe, Config.Layers, Step, Options.Steps);
        var losses = new double[Config.Layers];
        _model.ClearGradients();
        for (var part = 0; part < batches.Count; part++)
        {
            var kept = LayerDropout.Draw(
                Options.Recipe, Config.Layers, batches[part].Sequences, Step, Options.Steps, Options.Seed, part);
            var dropout = new Dropout(Options.ActivationDropout, Options.Seed).At((int)Step).At(part);
            Accumulate(losses, _model.ForwardBackward(batches[part], weights, 1.0 / total, kept, Options.LabelSmoothing, dropout), total);
        }

        var loss = weights.Zip(losses, static (weight, loss) => weight == 0 ? 0 : weight * loss).Sum();
        var norm = AdamW.Norm(_model.Pool, _model.Gradients);
        if (!double.IsFinite(loss) || !double.IsFinite(norm))
        {
            throw new TrainingDivergedException(
                Step, $"step {Step}: the loss is {loss} and the gradient's length {norm}, expected finite numbers; a lower learning rate may help");
        }

        var rate = Options.Optimizer.RateAt(Step, Options.Steps);
        _optimizer.Apply(_model.Pool, _model.Parameters, _model.Gradients, norm, rate, Step, depth);
        return new StepReport
        {
            Step = Step++,
            ExitLosses = losses,
            Loss = loss,
            GradientNorm = norm,
            LearningRate = rate,
            Rows = batches.Sum(batch => batch.Rows),
            Targets = batches.Sum(batch => batch.Targets),
            LayerRows = _model.LayerRows - layerRows,
            Operations = _model.Operations - operations,
        };
    }

    /// <summary>The mean loss of every exit over a batch's targets by their weights, in nats, without dropout; changes nothing.</summary>
    /// <param name="batch">The rows.</param>
    /// <exception cref="ArgumentException">The batch does not fit the model.</exception>
    /// <exception cref="ObjectDisposedException">The trainer has been disposed.</exception>
    public IReadOnlyList<double> Evaluate(SequenceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ObjectDisposedException.ThrowIf(_disposed, this);
        batch.Validate(Config.VocabularySize, Config.MaxPositions);
        var exits = Enumerable.Repeat(true, Config.Layers).ToArray();
        return [.. _model.Losses(batch, exits).Select(loss => loss / batch.TotalWeight)];
    }

    /// <summary>
    /// The length of the gradient of all exits' mean loss, without dropout; changes nothing. Weights that have diverged show in it before they
    /// show in the loss: it is then not finite.
    /// </summary>
    /// <param name="batch">The rows.</param>
    /// <exception cref="ArgumentException">The batch does not fit the model.</exception>
    /// <exception cref="ObjectDisposedException">The trainer has been disposed.</exception>
    public double GradientNorm(SequenceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ObjectDisposedException.ThrowIf(_disposed, this);
        batch.Validate(Config.VocabularySize, Config.MaxPositions);
        _model.ClearGradients();
        _model.ForwardBackward(batch, [.. Enumerable.Repeat(1.0 / Config.Layers, Config.Layers)], 1.0 / batch.TotalWeight);
        return AdamW.Norm(_model.Pool, _model.Gradients);
    }

    /// <summary>Writes weights, moments and the step's number to one file, in place of an earlier one only when all of it is on the disk.</summary>
    /// <param name="path">The file.</param>
    /// <param name="description">Kept with the run for <see cref="SavedRun.Read"/>, such as its recipe; null for none.</param>
    /// <exception cref="IOException">The file cannot be written; an earlier one stands as it was.</exception>
    /// <exception cref="ObjectDisposedException">The trainer has been disposed.</exception>
    public void Save(string path, string? description = null)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        TrainingState.Write(path, new SavedRun(Step, Options.Seed, description), _model.Parameters, _optimizer);
    }

    /// <summary>Writes the weights as a Hugging Face checkpoint that the engine loads: <c>config.json</c>, <c>generation_config.json</c>, <c>model.safetensors</c>.</summary>
    /// <param name="directory">The directory; created where it does not exist. A tokenizer must be put beside by the caller.</param>
    /// <param name="generation">What the checkpoint says about generation.</param>
    /// <param name="dataType">How to store the weights, not in blocks.</param>
    /// <exception cref="ArgumentException">The type is one of blocks.</exception>
    /// <exception cref="IOException">A file cannot be written. An earlier checkpoint stands as it was, except where only moving the new files to their places failed.</exception>
    /// <exception cref="ObjectDisposedException">The trainer has been disposed.</exception>
    public void Export(string directory, GenerationDefaults generation, TensorDataType dataType)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        using var weights = new ParameterWeightSource(_model.Parameters);
        CheckpointWriter.Write(directory, Config, generation, weights, dataType);
    }

    /// <summary>The weights as they stand whenever they are read, for an engine to load; valid until the trainer is disposed.</summary>
    /// <exception cref="ObjectDisposedException">The trainer has been disposed.</exception>
    public WeightSource CreateWeightSource()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new ParameterWeightSource(_model.Parameters);
    }

    /// <summary>Frees all memory and ends the threads.</summary>
    public void Dispose()
    {
        _disposed = true;
        _model.Dispose();
        _optimizer.Dispose();
    }

    /// <summary>Lets layers join in where this step is the first of a stage, with the moments of those they are copies of.</summary>
    /// <returns>Layers that take part in this step.</returns>
    private int Grow()
    {
        var depth = ModelGrowth.Depth(Options.Recipe, Config.Layers, Step, Options.Steps);
        var before = Step == 0 ? depth : ModelGrowth.Depth(Options.Recipe, Config.Layers, Step - 1, Options.Steps);
        for (var layer = before; layer < depth; layer++)
        {
            foreach (var parameters in (ReadOnlySpan<LlamaParameters>)[_model.Parameters, _optimizer.Means, _optimizer.Squares])
            {
                parameters.CopyLayer(ModelGrowth.CopiedLayer(layer, before), layer);
                if (ModelGrowth.IsIdentity(Options.Recipe, depth))
                {
                    parameters.ClearOutputs(layer);
                }
            }
        }

        return depth;
    }

    private static void Accumulate(double[] losses, double[] sums, double total)
    {
        for (var l = 0; l < losses.Length; l++)
        {
            losses[l] += sums[l] / total;
        }
    }
}
