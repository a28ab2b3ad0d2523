using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Training.Models;
using LayerSkip.Training.Numerics;
using Kernel = LayerSkip.Engine.Devices.Cpu.Kernels.Rope;

namespace LayerSkip.Training.Layers;

/// <summary>Rotary position embedding of queries and keys, in place: element i of a head turns with element i + headDimension / 2.</summary>
internal sealed unsafe class Rope(ModelConfig config)
{
    private readonly int _size = config.HeadDimension;
    private readonly float[] _frequencies = Kernel.Frequencies(config);
    private float[] _cosines = []; // [positions, headDimension / 2]
    private float[] _sines = [];

    /// <summary>Turns each head by its row's position within its sequence.</summary>
    /// <param name="pool">The threads.</param>
    /// <param name="layout">The rows' sequences.</param>
    /// <param name="heads">[R, at least count · headDimension].</param>
    /// <param name="count">How many heads at the start of a row to turn.</param>
    public void Forward(ComputePool pool, SequenceLayout layout, Matrix heads, int count) => Turn(pool, layout, heads, count, 1);

    /// <summary>A rotation's transpose is the rotation back.</summary>
    /// <param name="pool">The threads.</param>
    /// <param name="layout">The rows' sequences.</param>
    /// <param name="dHeads">[R, at least count · headDimension], in place.</param>
    /// <param name="count">How many heads at the start of a row were turned.</param>
    public void Backward(ComputePool pool, SequenceLayout layout, Matrix dHeads, int count) => Turn(pool, layout, dHeads, count, -1);

    private void Turn(ComputePool pool, SequenceLayout layout, Matrix heads, int count, float direction)
    {
        heads.Expect(nameof(heads), layout.Rows, heads.Columns);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count * _size, heads.Columns, nameof(count));
        Prepare(layout.Longest);
        pool.For(layout.Sequences, (sequence, _) =>
        {
            for (var position = 0; position < layout.Length(sequence); position++)
            {
                TurnRow(heads.Row(layout.Start(sequence) + position)[..(count * _size)], position, direction);
            }
        });
    }

    private void Prepare(int positions)
    {
        var half = _frequencies.Length;
        if (_cosines.Length >= positions * half)
        {
            return;
        }

        _cosines = new float[positions * half];
        _sines = new float[positions * half];
        for (var p = 0; p < positions; p++)
        {
            Kernel.Angles(p, _frequencies, _cosines.AsSpan(p * half, half), _sines.AsSpan(p * half, half));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void TurnRow(Span<float> row, int position, float direction)
    {
        var half = _frequencies.Length;
        fixed (float* heads = row, cosines = &_cosines[position * half], sines = &_sines[position * half])
        {
            for (var head = heads; head < heads + row.Length; head += _size)
            {
                var other = head + half;
                var i = 0;
                for (; i <= half - 8; i += 8)
                {
                    var (a, b) = (Vector256.Load(head + i), Vector256.Load(other + i));
                    var (cosine, sine) = (Vector256.Load(cosines + i), Vector256.Load(sines + i) * Vector256.Create(direction));
                    ((a * cosine) - (b * sine)).Store(head + i);
                    ((b * cosine) + (a * sine)).Store(other + i);
                }

                for (; i < half; i++)
                {
                    var (a, b, sine) = (head[i], other[i], sines[i] * direction);
                    head[i] = (a * cosines[i]) - (b * sine);
                    other[i] = (b * cosines[i]) + (a * sine);
                }
            }
        }
    }
}
