using System.Buffers;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>
/// Multiplies with weights that are compressed without loss: bit for bit what <see cref="Uncompressed"/> gives, reading four bits less of each.
/// </summary>
internal abstract unsafe class CompressedKernel(PanelKernel uncompressed) : PanelKernel(uncompressed.Format)
{
    public override PanelKernel Uncompressed { get; } = uncompressed;

    /// <summary>They are one stream, which memory is asked for far ahead.</summary>
    public override int PanelsAtOnce(int rows) => 1;

    /// <summary>Bytes of a panel of which every weight has a code.</summary>
    public override long PanelBytes(int inputs) => PanelBytes(inputs, plainGroups: 0);

    /// <inheritdoc cref="CompressedPanel.BytesFor"/>
    public abstract long PanelBytes(int inputs, int plainGroups);

    /// <inheritdoc cref="PanelCompressor{TFormat}.Measure"/>
    /// <param name="plain">A panel of <see cref="Uncompressed"/>.</param>
    /// <param name="inputs">Weights of a column.</param>
    public abstract (HighByteCode Code, int PlainGroups) Measure(byte* plain, int inputs);

    /// <inheritdoc cref="PanelCompressor{TFormat}.Compress"/>
    /// <param name="plain">A panel of <see cref="Uncompressed"/>.</param>
    /// <param name="inputs">Weights of a column.</param>
    /// <param name="code">Its code, as <see cref="Measure"/> chose it.</param>
    /// <param name="plainGroups">How many groups stay plain with that.</param>
    /// <param name="target">Room for <see cref="PanelBytes(int, int)"/> bytes.</param>
    public abstract void Compress(byte* plain, int inputs, HighByteCode code, int plainGroups, byte* target);

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
internal sealed unsafe class CompressedKernel<TLanes, TVector, TFormat>(WeightFormat format)
    : CompressedKernel(new PanelKernel<TLanes, TVector, TFormat>(format, streamed: true))
    where TLanes : ILanes<TVector>
    where TVector : struct
    where TFormat : ICompressibleFormat
{
    private static int Pairs => Width / (2 * TLanes.Count);

    public override long PanelBytes(int inputs, int plainGroups) => CompressedPanel.BytesFor<TFormat>(inputs, plainGroups);

    public override (HighByteCode Code, int PlainGroups) Measure(byte* plain, int inputs) => new PanelCompressor<TFormat>(TLanes.Count, inputs).Measure(plain);

    public override void Compress(byte* plain, int inputs, HighByteCode code, int plainGroups, byte* target) =>
        new PanelCompressor<TFormat>(TLanes.Count, inputs).Compress(plain, code, plainGroups, target);

    public override void Multiply(byte* panels, int count, int inputs, int rows, float* x, nint xStride, float* y, nint yStride, bool accumulate)
    {
        for (var end = y + (count * Width); y < end; y += Width)
        {
            var panel = (CompressedPanel*)panels;
            for (var pair = 0; pair < Pairs; pair++)
            {
                var runs = new CompressedRuns<TFormat>(panel, pair, TLanes.Count, inputs);
                while (runs.Next())
                {
                    var xRun = x + runs.First;
                    var yRun = y + (pair * TLanes.Count);
                    if (runs.Plain)
                    {
                        var tile = new PanelTiles<TLanes, TVector, TFormat>.OnePair(runs.Weights);
                        RunTiles(tile, runs.Count, rows, xRun, xStride, yRun, yStride, accumulate || runs.First > 0);
                    }
                    else
                    {
                        var tile = new CompressedTile<TLanes, TVector, TFormat>(runs.Weights, panel->HighBytes);
                        RunTiles(tile, runs.Count, rows, xRun, xStride, yRun, yStride, accumulate || runs.First > 0);
                    }
                }
            }

            panels += CompressedPanel.BytesFor<TFormat>(inputs, panel->PlainGroups);
        }
    }

    public override void ReadColumn(byte* panel, int column, Span<float> weights)
    {
        var (lane, upper) = (column % 16 % TLanes.Count, column >= 16);
        var header = (CompressedPanel*)panel;
        var runs = new CompressedRuns<TFormat>(header, column % 16 / TLanes.Count, TLanes.Count, weights.Length);
        while (runs.Next())
        {
            var run = weights.Slice(runs.First, runs.Count);
            if (!runs.Plain)
            {
                CompressedPanel.ReadColumn<TFormat>(header, runs.Weights, TLanes.Count, lane, upper, run);
                continue;
            }

            var input = runs.Weights;
            foreach (ref var weight in run)
            {
                weight = TFormat.Read(input, TLanes.Count, lane, upper);
                input += CompressedPanel.PlainBytes<TFormat>(TLanes.Count);
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
