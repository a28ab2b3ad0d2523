using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using LayerSkip.Engine.Devices.Cpu;
using Kernel = LayerSkip.Engine.Devices.Cpu.Kernels.Attention;

namespace LayerSkip.Training.Layers;

/// <summary>What a thread keeps at hand while it attends: one sequence's keys and values of one head, and a few of its queries.</summary>
/// <param name="size">Head dimension.</param>
internal sealed unsafe class AttentionScratch(int size) : IDisposable
{
    /// <summary>Queries whose scores stand side by side in the backward pass.</summary>
    public const int QueryBlock = 16;

    private const int Block = Kernel.BlockPositions;

    private NativeBuffer _memory = new(0);

    /// <summary>Head dimension, rounded up to 8; the floats beyond it are zero.</summary>
    public int Padded { get; } = (size + 7) / 8 * 8;

    /// <summary>Room for positions, a multiple of 32.</summary>
    public int Positions { get; private set; }

    public long Bytes => _memory.Bytes;

    public float* Keys { get; private set; }             // [positions, padded]

    public float* Values { get; private set; }           // [positions, padded]

    public float* KeyGradients { get; private set; }     // [positions, padded]

    public float* ValueGradients { get; private set; }   // [positions, padded]

    public float* TransposedKeys { get; private set; }   // [positions / 32, size, 32]

    public float* TransposedValues { get; private set; } // [positions / 32, size, 32]

    public float* Queries { get; private set; }          // [16, padded]

    public float* Outputs { get; private set; }          // [16, padded]; their gradients in the backward pass

    public float* QueryGradient { get; private set; }    // [padded]

    public float* Scores { get; private set; }           // [16, positions]

    public float* ScoreGradients { get; private set; }   // [16, positions]

    /// <summary>Makes room for sequences of this length; contents do not survive.</summary>
    public void Grow(int length)
    {
        if (length <= Positions)
        {
            return;
        }

        Positions = (length + Block - 1) / Block * Block;
        var rows = (nint)Positions * Padded;
        var columns = (nint)Positions * size;
        var queries = (nint)QueryBlock * Padded;
        var scores = (nint)QueryBlock * Positions;
        _memory.Dispose();
        _memory = new NativeBuffer(((4 * rows) + (2 * columns) + (2 * queries) + Padded + (2 * scores)) * sizeof(float));
        Keys = _memory.Floats;
        Values = Keys + rows;
        KeyGradients = Values + rows;
        ValueGradients = KeyGradients + rows;
        TransposedKeys = ValueGradients + rows;
        TransposedValues = TransposedKeys + columns;
        Queries = TransposedValues + columns;
        Outputs = Queries + queries;
        QueryGradient = Outputs + queries;
        Scores = QueryGradient + Padded;
        ScoreGradients = Scores + scores;
    }

    public void Clear(float* row) => new Span<float>(row, Padded).Clear();

    public void ClearGradients(int length)
    {
        new Span<float>(KeyGradients, length * Padded).Clear();
        new Span<float>(ValueGradients, length * Padded).Clear();
    }

    /// <summary>Fills the transposed keys and values; positions beyond the length keep what they had, and nobody looks at their scores.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Transpose(int length)
    {
        for (var j = 0; j < length; j++)
        {
            var offset = ((nint)(j / Block) * size * Block) + (j % Block);
            for (var d = 0; d < size; d++)
            {
                TransposedKeys[offset + (d * Block)] = Keys[((nint)j * Padded) + d];
                TransposedValues[offset + (d * Block)] = Values[((nint)j * Padded) + d];
            }
        }
    }

    /// <summary>destination += Σ_q weights[q · positions] · rows[q · stride].</summary>
    /// <param name="weights">A column of scores.</param>
    /// <param name="count">Queries, up to 16.</param>
    /// <param name="rows">Rows of padded floats.</param>
    /// <param name="stride">Floats from a row to the next.</param>
    /// <param name="destination">[padded].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void AccumulateColumn(float* weights, int count, float* rows, nint stride, float* destination)
    {
        var d = 0;
        for (; d <= Padded - 32; d += 32)
        {
            var s0 = Vector256.Load(destination + d);
            var s1 = Vector256.Load(destination + d + 8);
            var s2 = Vector256.Load(destination + d + 16);
            var s3 = Vector256.Load(destination + d + 24);
            for (var q = 0; q < count; q++)
            {
                var weight = Vector256.Create(weights[(nint)q * Positions]);
                var row = rows + (q * stride) + d;
                s0 = Vector256.FusedMultiplyAdd(weight, Vector256.Load(row), s0);
                s1 = Vector256.FusedMultiplyAdd(weight, Vector256.Load(row + 8), s1);
                s2 = Vector256.FusedMultiplyAdd(weight, Vector256.Load(row + 16), s2);
                s3 = Vector256.FusedMultiplyAdd(weight, Vector256.Load(row + 24), s3);
            }

            s0.Store(destination + d);
            s1.Store(destination + d + 8);
            s2.Store(destination + d + 16);
            s3.Store(destination + d + 24);
        }

        for (; d < Padded; d += 8)
        {
            var sum = Vector256.Load(destination + d);
            for (var q = 0; q < count; q++)
            {
                sum = Vector256.FusedMultiplyAdd(
                    Vector256.Create(weights[(nint)q * Positions]), Vector256.Load(rows + (q * stride) + d), sum);
            }

            sum.Store(destination + d);
        }
    }

    /// <summary>Turns e^score into p, and dp into ds = p (dp − Σ p dp) · scale; both become zero from the first position that the query does not see on.</summary>
    /// <param name="p">e^score of the positions seen.</param>
    /// <param name="ds">dp of the positions seen.</param>
    /// <param name="seen">Positions that the query sees.</param>
    /// <param name="end">Positions that any query of the block sees.</param>
    /// <param name="sum">Σ e^score.</param>
    /// <param name="scale">1 / sqrt(headDimension).</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SoftmaxBackward(float* p, float* ds, int seen, int end, float sum, float scale)
    {
        new Span<float>(p + seen, end - seen).Clear();
        new Span<float>(ds + seen, end - seen).Clear();
        var inverse = Vector256.Create(1 / sum);
        Vector256<float> dots = default;
        var j = 0;
        for (; j <= seen - 8; j += 8)
        {
            var probability = Vector256.Load(p + j) * inverse;
            probability.Store(p + j);
            dots = Vector256.FusedMultiplyAdd(probability, Vector256.Load(ds + j), dots);
        }

        var dot = Vector256.Sum(dots);
        for (; j < seen; j++)
        {
            p[j] *= inverse[0];
            dot += p[j] * ds[j];
        }

        var (means, scales) = (Vector256.Create(dot), Vector256.Create(scale));
        for (j = 0; j <= seen - 8; j += 8)
        {
            (Vector256.Load(p + j) * (Vector256.Load(ds + j) - means) * scales).Store(ds + j);
        }

        for (; j < seen; j++)
        {
            ds[j] = p[j] * (ds[j] - dot) * scale;
        }
    }

    public void Dispose() => _memory.Dispose();
}
