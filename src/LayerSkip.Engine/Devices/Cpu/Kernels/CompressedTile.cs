using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>A pair of column groups, compressed as <see cref="CompressedPanel"/> lays them out: the same chains as <see cref="PanelTiles{TLanes, TVector, TFormat}"/>.</summary>
/// <param name="groups">The pair's first group of inputs.</param>
/// <param name="highBytes">What the codes of the panel's upper bytes stand for.</param>
internal readonly unsafe struct CompressedTile<TLanes, TVector, TFormat>(byte* groups, byte* highBytes) : TileRows<TLanes, TVector>.ITile
    where TLanes : ILanes<TVector>
    where TVector : struct
    where TFormat : ICompressibleFormat
{
    private static int PartBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => CompressedPanel.PartBytes(TLanes.Count);
    }

    private static int GroupBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => CompressedPanel.GroupBytes<TFormat>(TLanes.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run<TRows>(int inputs, float* x, nint xStride, float* y, nint yStride, bool accumulate)
        where TRows : struct, TileRows<TLanes, TVector>.IRows<TRows>
    {
        var group = groups;
        var bytes = highBytes;
        TRows.Start(y, yStride, accumulate, out var rows);
        for (; inputs > 0; inputs -= CompressedPanel.GroupInputs, group += GroupBytes, x += CompressedPanel.GroupInputs)
        {
            TLanes.JoinBf16(group + PartBytes, group, 0, bytes, out var first, out var second);
            Add(ref rows, x, xStride, first, group, 0);
            Add(ref rows, x + 1, xStride, second, group, 1);
            TLanes.JoinBf16(group + (2 * PartBytes), group, 4, bytes, out first, out second);
            Add(ref rows, x + 2, xStride, first, group, 2);
            Add(ref rows, x + 3, xStride, second, group, 3);
        }

        rows.Store(y, yStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<TRows>(ref TRows rows, float* x, nint xStride, TVector bfloats, byte* group, int input)
        where TRows : struct, TileRows<TLanes, TVector>.IRows<TRows>
    {
        Fetch(group, input);
        Fetch(group, CompressedPanel.GroupInputs + input);
        TFormat.Join<TLanes, TVector>(bfloats, (ushort*)(group + ((CompressedPanel.PartsBeforeTails + input) * PartBytes)), out var low, out var high);
        rows.Add(x, xStride, low, high);
    }

    /// <summary>Fetches a line of a group that comes later, if a group has so many.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fetch(byte* group, int line)
    {
        if (Sse.IsSupported && line * PanelKernel.CacheLine < GroupBytes)
        {
            Sse.Prefetch0(group + PanelKernel.FetchBytes + (line * PanelKernel.CacheLine));
        }
    }
}
