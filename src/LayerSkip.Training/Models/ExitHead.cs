using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Training.Layers;
using LayerSkip.Training.Numerics;

namespace LayerSkip.Training.Models;

/// <summary>The final norm, the head and the loss, which all exits share.</summary>
/// <remarks>
/// Only rows that have a target are looked at, and of those as many at a time as bound the logits: forward and backward follow each other
/// chunk by chunk, and no more than a chunk of logits exists.
/// </remarks>
internal sealed class ExitHead : IDisposable
{
    /// <summary>Most logits of a chunk, unless these are fewer rows than <see cref="FewestRows"/>: 16 MiB.</summary>
    private const int MostLogits = 4 << 20;

    private const int MostRows = 2048;

    /// <summary>Every chunk packs the head and goes over its whole gradient: with few rows that takes longer than the products.</summary>
    private const int FewestRows = 256;

    private readonly ModelConfig _config;
    private readonly ComputePool _pool;
    private readonly Gemm _gemm;
    private readonly int _chunkRows;
    private readonly ActivationBuffer _x;      // [C, hidden]: rows of the stream
    private readonly ActivationBuffer _normed; // [C, hidden], then its gradient
    private readonly ActivationBuffer _dx;     // [C, hidden]
    private readonly ActivationBuffer _logits; // [C, V], then their gradient
    private readonly double[] _losses;         // [C]

    public ExitHead(ModelConfig config, ComputePool pool, Gemm gemm, int? chunkRows = null)
    {
        (_config, _pool, _gemm) = (config, pool, gemm);
        _chunkRows = chunkRows ?? ChunkRows(config);
        _losses = new double[_chunkRows];
        _x = new ActivationBuffer(config.HiddenSize);
        _normed = new ActivationBuffer(config.HiddenSize);
        _dx = new ActivationBuffer(config.HiddenSize);
        _logits = new ActivationBuffer(config.VocabularySize);
    }

    public long Bytes => _x.Bytes + _normed.Bytes + _dx.Bytes + _logits.Bytes;

    /// <summary>Rows of a chunk of logits.</summary>
    public static int ChunkRows(ModelConfig config) => Math.Clamp(MostLogits / config.VocabularySize, FewestRows, MostRows);

    /// <summary>The losses of the rows that have a target times their weights, summed.</summary>
    /// <param name="w">The model's weights.</param>
    /// <param name="batch">The rows' targets.</param>
    /// <param name="stream">[R, hidden]: the residual stream after some layer.</param>
    public double Loss(LlamaParameters w, SequenceBatch batch, Matrix stream)
    {
        var sum = 0.0;
        for (var from = 0; from < batch.LossRows.Length; from += _chunkRows)
        {
            sum += Forward(w, batch, stream, from, Count(batch, from), scale: 0, smoothing: 0);
        }

        return sum;
    }

    /// <summary>The losses times their weights summed, and <paramref name="scale"/> times their gradients.</summary>
    /// <param name="w">The model's weights.</param>
    /// <param name="dw">Gradients of the final norm and the head, added to.</param>
    /// <param name="batch">The rows' targets.</param>
    /// <param name="stream">[R, hidden]: the residual stream after some layer.</param>
    /// <param name="scale">What a row's loss of weight 1 counts for in the whole.</param>
    /// <param name="smoothing">The label smoothing of the gradients; the losses are without.</param>
    /// <param name="dStream">[R, hidden], added to.</param>
    public double LossAndBackward(
        LlamaParameters w, LlamaParameters dw, SequenceBatch batch, Matrix stream, float scale, float smoothing, Matrix dStream)
    {
        var sum = 0.0;
        for (var from = 0; from < batch.LossRows.Length; from += _chunkRows)
        {
            var count = Count(batch, from);
            sum += Forward(w, batch, stream, from, count, scale, smoothing);
            Backward(w, dw, batch.LossRows.AsMemory(from, count), dStream);
        }

        return sum;
    }

    /// <summary>Logits of one row of a stream, for comparisons.</summary>
    public float[] Logits(LlamaParameters w, Matrix stream, int row)
    {
        var x = Matrix.Of(_x, 1, _config.HiddenSize);
        stream.Row(row).CopyTo(x.Row(0));
        return LogitsOf(w, x).Row(0).ToArray();
    }

    public void Dispose()
    {
        _x.Dispose();
        _normed.Dispose();
        _dx.Dispose();
        _logits.Dispose();
    }

    private int Count(SequenceBatch batch, int from) => Math.Min(_chunkRows, batch.LossRows.Length - from);

    private double Forward(LlamaParameters w, SequenceBatch batch, Matrix stream, int from, int count, float scale, float smoothing)
    {
        var x = Matrix.Of(_x, count, _config.HiddenSize);
        _pool.ForRows(count, i => stream.Row(batch.LossRows[from + i]).CopyTo(x.Row(i)));
        var (targets, weights) = (batch.LossTargets[from..(from + count)], batch.LossWeights[from..(from + count)]);
        CrossEntropy.ForwardBackward(_pool, LogitsOf(w, x), targets, weights, scale, smoothing, _losses);

        var sum = 0.0;
        for (var i = 0; i < count; i++)
        {
            sum += weights[i] * _losses[i];
        }

        return sum;
    }

    private Matrix LogitsOf(LlamaParameters w, Matrix x)
    {
        var normed = Matrix.Of(_normed, x.Rows, _config.HiddenSize);
        var logits = Matrix.Of(_logits, x.Rows, _config.VocabularySize);
        RmsNorm.Forward(_pool, x, w.FinalNorm, normed, _config.RmsNormEpsilon);
        Linear.Forward(_gemm, normed, w.Head, logits);
        return logits;
    }

    private void Backward(LlamaParameters w, LlamaParameters dw, ReadOnlyMemory<int> rows, Matrix dStream)
    {
        var count = rows.Length;
        var x = Matrix.Of(_x, count, _config.HiddenSize);
        var normed = Matrix.Of(_normed, count, _config.HiddenSize);
        var dx = Matrix.Of(_dx, count, _config.HiddenSize);
        var dLogits = Matrix.Of(_logits, count, _config.VocabularySize);

        Linear.Backward(_gemm, normed, w.Head, dLogits, normed, dw.Head);
        _pool.ForRows(count, i => dStream.Row(rows.Span[i]).CopyTo(dx.Row(i)));
        RmsNorm.Backward(_pool, x, w.FinalNorm, normed, dx, dw.FinalNorm, _config.RmsNormEpsilon);
        _pool.ForRows(count, i => dx.Row(i).CopyTo(dStream.Row(rows.Span[i])));
    }
}
