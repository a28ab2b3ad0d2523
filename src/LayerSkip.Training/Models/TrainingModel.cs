using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Training.Layers;
using LayerSkip.Training.Numerics;

namespace LayerSkip.Training.Models;

/// <summary>The transformer with an exit after every layer: losses, and gradients of their weighted sum.</summary>
internal sealed class TrainingModel : IDisposable
{
    /// <summary>The embeddings' place of dropout; layers have their numbers.</summary>
    internal const int EmbeddingPlace = -1;

    private readonly ComputePool _pool;
    private readonly Gemm _gemm;
    private readonly TransformerLayer _layer;
    private readonly ExitHead _head;
    private readonly LayerActivations[] _saved;   // one a layer
    private readonly ActivationBuffer[] _streams; // [R, hidden] each: before layer 0, and after every layer
    private readonly ActivationBuffer _kept;      // [R', hidden]: the rows of a layer that drops some
    private readonly ActivationBuffer _keptOut;   // [R', hidden]: the same after the layer, or their gradient
    private readonly ActivationBuffer _dStream;   // [R, hidden]

    /// <param name="config">The model's shape.</param>
    /// <param name="threads">Threads, at least 1.</param>
    /// <param name="headRows">Most rows of a chunk of logits; null: by <see cref="ExitHead.ChunkRows"/>.</param>
    public TrainingModel(ModelConfig config, int threads, int? headRows = null)
    {
        Config = config;
        Parameters = new LlamaParameters(config);
        Gradients = new LlamaParameters(config);
        _pool = new ComputePool(threads);
        try
        {
            _gemm = new Gemm(_pool, SimdPaths.Choose());
            _layer = new TransformerLayer(config, _pool, _gemm);
            _head = new ExitHead(config, _pool, _gemm, headRows);
            _saved = [.. Enumerable.Range(0, config.Layers).Select(_ => new LayerActivations(config))];
            _streams = [.. Enumerable.Range(0, config.Layers + 1).Select(_ => new ActivationBuffer(config.HiddenSize))];
            _kept = new ActivationBuffer(config.HiddenSize);
            _keptOut = new ActivationBuffer(config.HiddenSize);
            _dStream = new ActivationBuffer(config.HiddenSize);
        }
        catch
        {
            // Memory is freed by finalizers; threads run on.
            _pool.Dispose();
            throw;
        }
    }

    public ModelConfig Config { get; }

    public LlamaParameters Parameters { get; }

    public LlamaParameters Gradients { get; }

    /// <summary>The threads that everything runs on.</summary>
    public ComputePool Pool => _pool;

    /// <summary>Rows that went through a layer's forward pass so far, summed over layers.</summary>
    public long LayerRows { get; private set; }

    /// <summary>Floating-point operations of the matrix products so far.</summary>
    public long Operations => _gemm.Operations;

    /// <summary>Bytes of parameters, gradients, activations and scratch memory.</summary>
    public long Bytes => Parameters.Bytes + Gradients.Bytes + _gemm.Bytes + _layer.Bytes + _head.Bytes
        + _saved.Sum(saved => saved.Bytes) + _streams.Sum(stream => stream.Bytes) + _kept.Bytes + _keptOut.Bytes + _dStream.Bytes;

    /// <summary>Losses at full depth of layers, summed over the batch's targets by their weights: one an exit, NaN for exits not asked for.</summary>
    /// <param name="batch">The rows.</param>
    /// <param name="exits">Whether to compute each exit's loss; exit l stands after layer l.</param>
    public double[] Losses(SequenceBatch batch, IReadOnlyList<bool> exits)
    {
        Forward(batch, Config.Layers, kept: null, dropout: default);
        return [.. exits.Select((wanted, l) => wanted ? _head.Loss(Parameters, batch, Stream(l + 1, batch.Rows)) : double.NaN)];
    }

    /// <summary>
    /// Adds the gradients of scale · Σ_l weights[l] · (loss of exit l, summed over targets by their weights), and returns those losses, NaN where the weight is 0.
    /// Layers behind the last exit of a weight do not run.
    /// </summary>
    /// <param name="batch">The rows.</param>
    /// <param name="weights">One an exit; exit l stands after layer l.</param>
    /// <param name="scale">Applied to all of them, such as 1 / the targets' weights together.</param>
    /// <param name="kept">For each layer the sequences that run through it, ascending; null for all. The others pass it by.</param>
    /// <param name="smoothing">Label smoothing ε of the gradients; the losses returned are without.</param>
    /// <param name="dropout">Of activations, for which the losses and gradients are.</param>
    public double[] ForwardBackward(
        SequenceBatch batch, double[] weights, double scale, IReadOnlyList<int>?[]? kept = null, double smoothing = 0, Dropout dropout = default)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(weights.Length, Config.Layers, nameof(weights));
        var depth = 1 + Array.FindLastIndex(weights, static weight => weight != 0);
        Forward(batch, depth, kept, dropout);
        var losses = new double[Config.Layers];
        losses.AsSpan(depth).Fill(double.NaN);
        var d = Matrix.Of(_dStream, batch.Rows, Config.HiddenSize);
        _pool.ForRows(batch.Rows, row => d.Row(row).Clear());
        for (var l = depth - 1; l >= 0; l--)
        {
            losses[l] = weights[l] == 0
                ? double.NaN
                : _head.LossAndBackward(Parameters, Gradients, batch, Stream(l + 1, batch.Rows), (float)(scale * weights[l]), (float)smoothing, d);
            BackwardLayer(l, batch, kept?[l], d, dropout.At(l));
        }

        dropout.At(EmbeddingPlace).Apply(_pool, d);
        Embedding.Backward(_pool, batch.Tokens, d, Gradients.Embedding);
        return losses;
    }

    /// <summary>Sets all gradients to zero.</summary>
    public void ClearGradients()
    {
        const int ChunkLength = 1 << 18;
        _pool.For((int)((Gradients.Count + ChunkLength - 1) / ChunkLength), (chunk, _) =>
        {
            var start = (long)chunk * ChunkLength;
            Gradients.Slice(start, (int)Math.Min(ChunkLength, Gradients.Count - start)).Clear();
        });
    }

    /// <summary>Logits of a row at an exit, after <see cref="Losses"/> or a forward pass over the same batch.</summary>
    public float[] Logits(SequenceBatch batch, int exit, int row) => _head.Logits(Parameters, Stream(exit + 1, batch.Rows), row);

    public void Dispose()
    {
        _pool.Dispose();
        _gemm.Dispose();
        _layer.Dispose();
        _head.Dispose();
        Parameters.Dispose();
        Gradients.Dispose();
        Array.ForEach(_saved, static saved => saved.Dispose());
        Array.ForEach(_streams, static stream => stream.Dispose());
        _kept.Dispose();
        _keptOut.Dispose();
        _dStream.Dispose();
    }

    private void Forward(SequenceBatch batch, int depth, IReadOnlyList<int>?[]? kept, Dropout dropout)
    {
        Embedding.Forward(_pool, batch.Tokens, Parameters.Embedding, Stream(0, batch.Rows));
        dropout.At(EmbeddingPlace).Apply(_pool, Stream(0, batch.Rows));
        for (var l = 0; l < depth; l++)
        {
            ForwardLayer(l, batch, kept?[l], dropout.At(l));
        }
    }

    private void ForwardLayer(int l, SequenceBatch batch, IReadOnlyList<int>? kept, Dropout dropout)
    {
        var (x, y) = (Stream(l, batch.Rows), Stream(l + 1, batch.Rows));
        if (kept is null || kept.Count == batch.Sequences)
        {
            _layer.Forward(Parameters.Layer(l), batch.Layout, x, _saved[l], y, dropout);
            LayerRows += batch.Rows;
            return;
        }

        // Dropped sequences pass by: x + 0. The kept ones are brought together, so that the layer costs only what it computes.
        _pool.ForRows(batch.Rows, row => x.Row(row).CopyTo(y.Row(row)));
        if (kept.Count == 0)
        {
            return;
        }

        var layout = batch.Layout.Select(kept);
        var keptX = Matrix.Of(_kept, layout.Rows, Config.HiddenSize);
        var keptY = Matrix.Of(_keptOut, layout.Rows, Config.HiddenSize);
        Gather(batch.Layout, kept, layout, x, keptX);
        _layer.Forward(Parameters.Layer(l), layout, keptX, _saved[l], keptY, dropout);
        Scatter(batch.Layout, kept, layout, keptY, y);
        LayerRows += layout.Rows;
    }

    private void BackwardLayer(int l, SequenceBatch batch, IReadOnlyList<int>? kept, Matrix d, Dropout dropout)
    {
        var x = Stream(l, batch.Rows);
        if (kept is null || kept.Count == batch.Sequences)
        {
            _layer.Backward(Parameters.Layer(l), Gradients.Layer(l), batch.Layout, x, _saved[l], d, dropout);
            return;
        }

        if (kept.Count == 0)
        {
            return;
        }

        var layout = batch.Layout.Select(kept);
        var keptX = Matrix.Of(_kept, layout.Rows, Config.HiddenSize);
        var keptD = Matrix.Of(_keptOut, layout.Rows, Config.HiddenSize);
        Gather(batch.Layout, kept, layout, x, keptX);
        Gather(batch.Layout, kept, layout, d, keptD);
        _layer.Backward(Parameters.Layer(l), Gradients.Layer(l), layout, keptX, _saved[l], keptD, dropout);
        Scatter(batch.Layout, kept, layout, keptD, d);
    }

    private void Gather(SequenceLayout from, IReadOnlyList<int> kept, SequenceLayout to, Matrix source, Matrix destination) =>
        _pool.For(kept.Count, (k, _) =>
        {
            for (var i = 0; i < to.Length(k); i++)
            {
                source.Row(from.Start(kept[k]) + i).CopyTo(destination.Row(to.Start(k) + i));
            }
        });

    private void Scatter(SequenceLayout to, IReadOnlyList<int> kept, SequenceLayout from, Matrix source, Matrix destination) =>
        _pool.For(kept.Count, (k, _) =>
        {
            for (var i = 0; i < from.Length(k); i++)
            {
                source.Row(from.Start(k) + i).CopyTo(destination.Row(to.Start(kept[k]) + i));
            }
        });

    private Matrix Stream(int layer, int rows) => Matrix.Of(_streams[layer], rows, Config.HiddenSize);
}
