using System.Buffers;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>Multiplies with bfloat16 weights that are compressed without loss: bit for bit what <see cref="Uncompressed"/> gives, reading a quarter less.</summary>
internal abstract unsafe class CompressedKernel(PanelKernel uncompressed) : PanelKernel(WeightFormat.BF16)
{
    public override PanelKernel Uncompressed { get; } = uncompressed;

    /// <summary>They are one stream, which memory is asked for far ahead.</summary>
    public override int PanelsAtOnce(int rows) => 1;

    /// <summary>What makes its panels.</summary>
    /// <param name="inputs">Weights of a column.</param>
    public abstract PanelCompressor Compressor(int inputs);

    /// <summary>Bytes of a panel of which every weight has a code.</summary>
    public override long PanelBytes(int inputs) => CompressedPanel.BytesFor(inputs, plainGroups: 0);

    /// <exception cref="NotSupportedException">Always: a panel is compressed as a whole.</exception>
    public override void WriteColumn(byte* panel, int column, ReadOnlySpan<float> weights) =>
        throw new NotSupportedException("columns of a compressed panel are not written one by one");

    public override void CopyColumn(byte* source, int column, byte* panel, int target, int inputs)
    {
        var weights = ArrayPool<float>.Shared.Rent(inputs);
        ReadColumn(source, column, weights.AsSpan(0, inputs));
        Uncompressed.WriteColumn(panel, target, weights.AsSpan(0, inputs));
        ArrayPool<float>.Shared.Return(weights);
    }
}

/// <inheritdoc/>
internal sealed unsafe class CompressedKernel<TLanes, TVector>() : CompressedKernel(new PanelKernel<TLanes, TVector, Bf16Panel>(WeightFormat.BF16, streamed: true))
    where TLanes : ILanes<TVector>
    where TVector : struct
{
    private static int Pairs => Width / (2 * TLanes.Count);

    public override PanelCompressor Compressor(int inputs) => new(TLanes.Count, inputs);

    public override void Multiply(byte* panels, int count, int inputs, int rows, float* x, nint xStride, float* y, nint yStride, bool accumulate)
    {
        for (var end = y + (count * Width); y < end; y += Width)
        {
            var panel = (CompressedPanel*)panels;
            for (var pair = 0; pair < Pairs; pair++)
            {
                var runs = new CompressedRuns(panel, pair, TLanes.Count, inputs);
                while (runs.Next())
                {
                    var xRun = x + runs.First;
                    var yRun = y + (pair * TLanes.Count);
                    if (runs.Plain)
                    {
                        var tile = new PanelTiles<TLanes, TVector, Bf16Panel>.OnePair(runs.Weights);
                        RunTiles(tile, runs.Count, rows, xRun, xStride, yRun, yStride, accumulate || runs.First > 0);
                    }
                    else
                    {
                        var tile = new CompressedTile<TLanes, TVector>(runs.Weights, panel->HighBytes);
                        RunTiles(tile, runs.Count, rows, xRun, xStride, yRun, yStride, accumulate || runs.First > 0);
                    }
                }
            }

            panels += CompressedPanel.BytesFor(inputs, panel->PlainGroups);
        }
    }

    public override void ReadColumn(byte* panel, int column, Span<float> weights)
    {
        var (lane, upper) = (column % 16 % TLanes.Count, column >= 16);
        var header = (CompressedPanel*)panel;
        var runs = new CompressedRuns(header, column % 16 / TLanes.Count, TLanes.Count, weights.Length);
        while (runs.Next())
        {
            var run = weights.Slice(runs.First, runs.Count);
            if (!runs.Plain)
            {
                CompressedPanel.ReadColumn(header, runs.Weights, TLanes.Count, lane, upper, run);
                continue;
            }

            var input = runs.Weights;
            foreach (ref var weight in run)
            {
                weight = Bf16Panel.Read(input, TLanes.Count, lane, upper);
                input += CompressedPanel.PlainBytes(TLanes.Count);
            }
        }
    }

    /// <summary>Deals rows evenly to tiles: of tiles of at most 14, 15 rows become 8 and 7, not 14 and 1.</summary>
    private static void RunTiles<TTile>(TTile tile, int inputs, int rows, float* x, nint xStride, float* y, nint yStride, bool accumulate)
        where TTile : struct, TileRows<TLanes, TVector>.ITile
    {
        for (var tiles = (rows + TileRows<TLanes, TVector>.Most - 1) / TileRows<TLanes, TVector>.Most; tiles > 0; tiles--)
        {
            var rowsOfTile = (rows + tiles - 1) / tiles;
            TileRows<TLanes, TVector>.Run(rowsOfTile, tile, inputs, x, xStride, y, yStride, accumulate);
            rows -= rowsOfTile;
            x += rowsOfTile * xStride;
            y += rowsOfTile * yStride;
        }
    }
}
