using System.Runtime.Intrinsics.X86;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Training.Models;
using LayerSkip.Training.Numerics;
using Kernel = LayerSkip.Engine.Devices.Cpu.Kernels.Attention;

namespace LayerSkip.Training.Layers;

/// <summary>
/// Causal grouped-query attention over packed sequences: o_i = Σ_{j ≤ i} p_ij v_j with p_i = softmax_j(q_i · k_j / sqrt(headDimension)),
/// i and j within one sequence.
/// </summary>
/// <remarks>
/// A chunk is a sequence and a key-value head, with all query heads that share it. Probabilities are never kept: the backward pass computes them
/// again, for a few queries at a time, so that memory grows with the length and not with its square.
/// </remarks>
internal sealed unsafe class CausalAttention : IDisposable
{
    private const int Block = Kernel.BlockPositions;

    private readonly int _queryHeads;
    private readonly int _keyValueHeads;
    private readonly int _size;
    private readonly float _scale;
    private readonly AttentionScratch[] _scratch;

    public CausalAttention(ModelConfig config, int threads)
    {
        (_queryHeads, _keyValueHeads, _size) = (config.AttentionHeads, config.KeyValueHeads, config.HeadDimension);
        _scale = 1 / MathF.Sqrt(_size);
        _scratch = [.. Enumerable.Range(0, threads).Select(_ => new AttentionScratch(_size))];
    }

    /// <summary>Bytes of scratch memory.</summary>
    public long Bytes => _scratch.Sum(scratch => scratch.Bytes);

    private int QueriesPerKey => _queryHeads / _keyValueHeads;

    private int Width => (_queryHeads + (2 * _keyValueHeads)) * _size;

    /// <param name="pool">The threads.</param>
    /// <param name="layout">The rows' sequences.</param>
    /// <param name="qkv">[R, (queryHeads + 2 keyValueHeads) · headDimension]: queries, keys, values.</param>
    /// <param name="o">Result [R, queryHeads · headDimension].</param>
    public void Forward(ComputePool pool, SequenceLayout layout, Matrix qkv, Matrix o)
    {
        qkv.Expect(nameof(qkv), layout.Rows, Width);
        o.Expect(nameof(o), layout.Rows, _queryHeads * _size);
        Prepare(layout);
        pool.For(layout.Sequences * _keyValueHeads, (chunk, worker) =>
        {
            var (sequence, keyHead) = (chunk / _keyValueHeads, chunk % _keyValueHeads);
            var (start, length) = (layout.Start(sequence), layout.Length(sequence));
            var s = _scratch[worker];
            Prefetch(qkv, start, length, keyHead);
            LoadKeysAndValues(s, qkv, keyHead, start, length);
            for (var head = keyHead * QueriesPerKey; head < (keyHead + 1) * QueriesPerKey; head++)
            {
                for (var i = 0; i < length; i++)
                {
                    var sum = Probabilities(s, At(qkv, start + i, head), i, s.Scores);
                    s.Clear(s.Outputs);
                    Kernel.Accumulate(s.Scores, i + 1, s.Values, s.Padded, s.Outputs);
                    Vectors.Scale(new(s.Outputs, _size), 1 / sum, o.Row(start + i).Slice(head * _size, _size));
                }
            }
        });
    }

    /// <summary>
    /// With dp_ij = do_i · v_j and ds_ij = p_ij (dp_ij − Σ_m p_im dp_im) / sqrt(headDimension):
    /// dq_i = Σ_j ds_ij k_j; dk_j = Σ_i ds_ij q_i; dv_j = Σ_i p_ij do_i, the last two over all query heads that share the key.
    /// </summary>
    /// <param name="pool">The threads.</param>
    /// <param name="layout">The rows' sequences.</param>
    /// <param name="qkv">As in the forward pass.</param>
    /// <param name="dO">[R, queryHeads · headDimension].</param>
    /// <param name="dQkv">Result, shaped like <paramref name="qkv"/>, overlapping neither it nor <paramref name="dO"/>.</param>
    public void Backward(ComputePool pool, SequenceLayout layout, Matrix qkv, Matrix dO, Matrix dQkv)
    {
        qkv.Expect(nameof(qkv), layout.Rows, Width);
        dO.Expect(nameof(dO), layout.Rows, _queryHeads * _size);
        dQkv.Expect(nameof(dQkv), layout.Rows, Width);
        Prepare(layout);
        pool.For(layout.Sequences * _keyValueHeads, (chunk, worker) =>
        {
            var (sequence, keyHead) = (chunk / _keyValueHeads, chunk % _keyValueHeads);
            var (start, length) = (layout.Start(sequence), layout.Length(sequence));
            var s = _scratch[worker];
            Prefetch(qkv, start, length, keyHead);
            LoadKeysAndValues(s, qkv, keyHead, start, length);
            s.ClearGradients(length);
            for (var head = keyHead * QueriesPerKey; head < (keyHead + 1) * QueriesPerKey; head++)
            {
                for (var from = 0; from < length; from += AttentionScratch.QueryBlock)
                {
                    BackwardQueries(s, qkv, dO, dQkv, head, start, from, Math.Min(AttentionScratch.QueryBlock, length - from));
                }
            }

            for (var j = 0; j < length; j++)
            {
                Store(s.KeyGradients + (j * s.Padded), dQkv, start + j, _queryHeads + keyHead);
                Store(s.ValueGradients + (j * s.Padded), dQkv, start + j, _queryHeads + _keyValueHeads + keyHead);
            }
        });
    }

    public void Dispose() => Array.ForEach(_scratch, static scratch => scratch.Dispose());

    /// <summary>The queries from, .., from + count - 1 of one head.</summary>
    private void BackwardQueries(AttentionScratch s, Matrix qkv, Matrix dO, Matrix dQkv, int head, int start, int from, int count)
    {
        var end = from + count; // no key beyond it is seen
        var queries = Heads(s.Queries, qkv);
        var outputs = Heads(s.Outputs, dO);
        for (var q = 0; q < count; q++)
        {
            var i = from + q;
            var p = s.Scores + (q * s.Positions);
            var ds = s.ScoreGradients + (q * s.Positions);
            var sum = Probabilities(s, At(queries, q, 0), i, p);
            for (var j = 0; j <= i; j += Block)
            {
                Kernel.Scores(At(outputs, q, 0), s.TransposedValues + (j * _size), _size, 1, ds + j);
            }

            AttentionScratch.SoftmaxBackward(p, ds, i + 1, end, sum, _scale);
            s.Clear(s.QueryGradient);
            Kernel.Accumulate(ds, i + 1, s.Keys, s.Padded, s.QueryGradient);
            Store(s.QueryGradient, dQkv, start + i, head);
        }

        for (var j = 0; j < end; j++)
        {
            s.AccumulateColumn(s.ScoreGradients + j, count, queries.Data, queries.RowStride, s.KeyGradients + (j * s.Padded));
            s.AccumulateColumn(s.Scores + j, count, outputs.Data, outputs.RowStride, s.ValueGradients + (j * s.Padded));
        }

        // The head's part of the rows: where it stands, unless vectors would reach into the next head.
        Matrix Heads(float* padded, Matrix rows)
        {
            if (s.Padded == _size)
            {
                return new(At(rows, start + from, head), count, _size, rows.RowStride);
            }

            for (var q = 0; q < count; q++)
            {
                Load(rows, start + from + q, head, padded + (q * s.Padded));
            }

            return new(padded, count, _size, s.Padded);
        }
    }

    /// <summary>e^(score − max) of the positions 0 .. i, and their sum.</summary>
    private float Probabilities(AttentionScratch s, float* query, int i, float* scores)
    {
        for (var j = 0; j <= i; j += Block)
        {
            Kernel.Scores(query, s.TransposedKeys + (j * _size), _size, _scale, scores + j);
        }

        return Kernel.Exponentiate(scores, i + 1);
    }

    private void Prepare(SequenceLayout layout)
    {
        foreach (var scratch in _scratch)
        {
            scratch.Grow(layout.Longest);
        }
    }

    /// <summary>Asks for a chunk's part of the rows all at once: it stands in short pieces, far apart.</summary>
    private void Prefetch(Matrix qkv, int start, int length, int keyHead)
    {
        const int Line = 16;
        for (var row = qkv.Data + ((nint)start * qkv.RowStride); Sse.IsSupported && length > 0; length--, row += qkv.RowStride)
        {
            for (var i = 0; i < _size; i += Line)
            {
                Sse.Prefetch0(row + ((_queryHeads + keyHead) * _size) + i);
                Sse.Prefetch0(row + ((_queryHeads + _keyValueHeads + keyHead) * _size) + i);
            }

            for (var i = 0; i < QueriesPerKey * _size; i += Line)
            {
                Sse.Prefetch0(row + (keyHead * QueriesPerKey * _size) + i);
            }
        }
    }

    private void LoadKeysAndValues(AttentionScratch s, Matrix qkv, int keyHead, int start, int length)
    {
        for (var j = 0; j < length; j++)
        {
            Load(qkv, start + j, _queryHeads + keyHead, s.Keys + (j * s.Padded));
            Load(qkv, start + j, _queryHeads + _keyValueHeads + keyHead, s.Values + (j * s.Padded));
        }

        s.Transpose(length);
    }

    private float* At(Matrix rows, int row, int head) => rows.Data + ((nint)row * rows.RowStride) + (head * _size);

    private void Load(Matrix rows, int row, int head, float* destination) =>
        rows.Row(row).Slice(head * _size, _size).CopyTo(new Span<float>(destination, _size));

    private void Store(float* source, Matrix rows, int row, int head) =>
        new ReadOnlySpan<float>(source, _size).CopyTo(rows.Row(row).Slice(head * _size, _size));
}
