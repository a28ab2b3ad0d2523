using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>Multiplies quantised activation rows with panels of quantised weights.</summary>
internal abstract unsafe class BlockKernel(WeightFormat format) : PanelKernel(format)
{
    public override bool TakesQuantizedRows => true;

    /// <summary>How a tensor stores the integers that this kernel holds.</summary>
    public TensorDataType DataType => Format == WeightFormat.Int8 ? TensorDataType.Int8 : TensorDataType.Int4;

    /// <summary>Whether the kernel holds a tensor's blocks as they are.</summary>
    public bool Holds(TensorDataType dataType) => dataType == TensorDataType.Int4 || dataType == DataType;

    public override int RowFloats(int inputs) => QuantizedRow.Floats(inputs);

    /// <summary>Stores the blocks of one output column (0..31).</summary>
    /// <param name="panel">The panel.</param>
    /// <param name="column">The column.</param>
    /// <param name="values">One integer for each input, within the format's range.</param>
    /// <param name="scales">One scale for each block of 32 inputs.</param>
    public abstract void WriteColumn(byte* panel, int column, ReadOnlySpan<sbyte> values, ReadOnlySpan<float> scales);

    /// <summary>Reads the blocks of one output column (0..31).</summary>
    /// <inheritdoc cref="WriteColumn(byte*, int, ReadOnlySpan{sbyte}, ReadOnlySpan{float})"/>
    public abstract void ReadColumn(byte* panel, int column, Span<sbyte> values, Span<float> scales);

    public override void WriteColumn(byte* panel, int column, ReadOnlySpan<float> weights)
    {
        var values = new sbyte[weights.Length];
        var scales = new float[WeightBlocks.Count(weights.Length)];
        WeightBlocks.Quantize(DataType, weights, values, scales);
        WriteColumn(panel, column, values, scales);
    }

    public override void CopyColumn(byte* source, int column, byte* panel, int target, int inputs)
    {
        var values = new sbyte[inputs];
        var scales = new float[WeightBlocks.Count(inputs)];
        ReadColumn(source, column, values, scales);
        WriteColumn(panel, target, values, scales);
    }
}

/// <inheritdoc/>
/// <remarks>
/// As in <see cref="PanelKernel{TLanes, TVector, TFormat}"/>, a panel is 16 / W pairs of column vectors one behind the other. A pair is its blocks of 32 inputs
/// in turn, each of them integers and then 2 W scales, so that a pass over a pair reads memory front to back.
/// </remarks>
internal sealed unsafe class BlockKernel<TDot, TInt, TLanes, TFloat, TBlocks>(WeightFormat format) : BlockKernel(format)
    where TDot : IDotLanes<TInt, TFloat>
    where TInt : struct
    where TLanes : ILanes<TFloat>
    where TFloat : struct
    where TBlocks : IBlockFormat
{
    private const int MaxRows = 6;

    private static int Pairs => 16 / TLanes.Count;

    private static int BlockBytes => BlockTiles<TDot, TInt, TLanes, TFloat, TBlocks>.PairBytes;

    public override long PanelBytes(int inputs) => Pairs * PairBytes(inputs);

    public override void Multiply(byte* panels, int count, int inputs, int rows, float* x, nint xStride, float* y, nint yStride, bool accumulate)
    {
        var (pairs, blocks, pairBytes, xBytes) = (count * Pairs, QuantizedRow.Blocks(inputs), PairBytes(inputs), xStride * sizeof(float));
        for (var pair = 0; pair < pairs; pair++)
        {
            MultiplyPair(panels + (pair * pairBytes), blocks, rows, (byte*)x, xBytes, y + Column(pair), yStride, accumulate);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void WriteColumn(byte* panel, int column, ReadOnlySpan<sbyte> values, ReadOnlySpan<float> scales)
    {
        var block = FirstBlock(panel, column, values.Length);
        var lane = Lane(column);
        Span<sbyte> last = stackalloc sbyte[QuantizedRow.BlockSize];
        for (var b = 0; b < scales.Length; b++, block += BlockBytes)
        {
            scoped var integers = values[(b * QuantizedRow.BlockSize)..];
            if (integers.Length < QuantizedRow.BlockSize)
            {
                last.Clear();
                integers.CopyTo(last);
                integers = last;
            }

            var groups = MemoryMarshal.Cast<sbyte, uint>(integers[..QuantizedRow.BlockSize]);
            for (var i = 0; i < groups.Length; i += 2)
            {
                TBlocks.Write(Step(block, 4 * i), TLanes.Count, lane, groups[i], groups[i + 1]);
            }

            Scales(block)[lane] = scales[b];
        }
    }

    public override void ReadColumn(byte* panel, int column, Span<sbyte> values, Span<float> scales)
    {
        var block = FirstBlock(panel, column, values.Length);
        var lane = Lane(column);
        for (var b = 0; b < scales.Length; b++, block += BlockBytes)
        {
            for (var input = b * QuantizedRow.BlockSize; input < Math.Min(values.Length, (b + 1) * QuantizedRow.BlockSize); input++)
            {
                values[input] = (sbyte)TBlocks.Read(Step(block, input % QuantizedRow.BlockSize), TLanes.Count, lane, input % 8);
            }

            scales[b] = Scales(block)[lane];
        }
    }

    public override void ReadColumn(byte* panel, int column, Span<float> weights)
    {
        var block = FirstBlock(panel, column, weights.Length);
        var lane = Lane(column);
        for (var input = 0; input < weights.Length; input++)
        {
            var within = block + (input / QuantizedRow.BlockSize * (nint)BlockBytes);
            weights[input] = TBlocks.Read(Step(within, input % QuantizedRow.BlockSize), TLanes.Count, lane, input % 8) * Scales(within)[lane];
        }
    }

    /// <summary>The rows are dealt evenly to tiles: 7 rows become 4 and 3, not 6 and 1.</summary>
    private static void MultiplyPair(byte* w, int blocks, int rows, byte* x, nint xBytes, float* y, nint yStride, bool accumulate)
    {
        var tiles = (rows + MaxRows - 1) / MaxRows;
        for (int tile = 0, row = 0; tile < tiles; tile++)
        {
            // A tile that is one row short does its last row twice.
            var taken = (rows - row + tiles - tile - 1) / (tiles - tile);
            byte* xTile = x + (row * xBytes);
            float* yTile = y + (row * yStride);
            var last = taken - 1;
            switch (taken)
            {
                case 1:
                    BlockTiles<TDot, TInt, TLanes, TFloat, TBlocks>.OneRow(w, blocks, xTile, yTile, accumulate);
                    break;
                case 2:
                    BlockTiles<TDot, TInt, TLanes, TFloat, TBlocks>.TwoRows(w, blocks, xTile, xBytes, yTile, yStride, accumulate);
                    break;
                case 3 or 4:
                    BlockTiles<TDot, TInt, TLanes, TFloat, TBlocks>.FourRows(
                        w, blocks, xTile, xBytes, 2 * xBytes, last * xBytes, yTile, yStride, 2 * yStride, last * yStride, accumulate);
                    break;
                default:
                    BlockTiles<TDot, TInt, TLanes, TFloat, TBlocks>.SixRows(
                        w, blocks, xTile, xBytes, 2 * xBytes, 3 * xBytes, 4 * xBytes, last * xBytes,
                        yTile, yStride, 2 * yStride, 3 * yStride, 4 * yStride, last * yStride, accumulate);
                    break;
            }

            row += taken;
        }
    }

    private static nint PairBytes(int inputs) => (nint)QuantizedRow.Blocks(inputs) * BlockBytes;

    /// <summary>First output column of a pair, counted over all panels.</summary>
    private static int Column(int pair) => (pair / Pairs * Width) + (pair % Pairs * TLanes.Count);

    private static byte* FirstBlock(byte* panel, int column, int inputs) => panel + (column % 16 / TLanes.Count * PairBytes(inputs));

    /// <summary>A column's place within its pair's block: the lower group, then the upper one.</summary>
    private static int Lane(int column) => (column % TLanes.Count) + (column >= 16 ? TLanes.Count : 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* Step(byte* block, int input) => block + (input / 8 * BlockTiles<TDot, TInt, TLanes, TFloat, TBlocks>.StepBytes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float* Scales(byte* block) =>
        (float*)(block + (BlockTiles<TDot, TInt, TLanes, TFloat, TBlocks>.Steps * BlockTiles<TDot, TInt, TLanes, TFloat, TBlocks>.StepBytes));
}
