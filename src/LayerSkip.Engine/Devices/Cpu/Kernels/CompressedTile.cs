using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>A pair of column groups of compressed bfloat16, as <see cref="CompressedPanel"/> lays them out: the same chains as <see cref="PanelTiles{TLanes, TVector, TFormat}"/>.</summary>
/// <param name="groups">The pair's first group of inputs.</param>
/// <param name="highBytes">What the codes of the panel's upper bytes stand for.</param>
internal readonly unsafe struct CompressedTile<TLanes, TVector>(byte* groups, byte* highBytes) : TileRows<TLanes, TVector>.ITile
    where TLanes : ILanes<TVector>
    where TVector : struct
{
    /// <summary>Bytes of a group's codes, and of its lower bytes of two inputs.</summary>
    private static int CodeBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => CompressedPanel.GroupInputs * TLanes.Count;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run<TRows>(int inputs, float* x, nint xStride, float* y, nint yStride, bool accumulate)
        where TRows : struct, TileRows<TLanes, TVector>.IRows<TRows>
    {
        var group = groups;
        var bytes = highBytes;
        TRows.Start(y, yStride, accumulate, out var rows);
        for (; inputs > 0; inputs -= CompressedPanel.GroupInputs, group += CompressedPanel.GroupBytes(TLanes.Count), x += CompressedPanel.GroupInputs)
        {
            Fetch(group + PanelKernel.FetchBytes);
            TLanes.JoinBf16(group + CodeBytes, group, 0, bytes, out var first, out var second);
            Add(ref rows, x, xStride, first);
            Add(ref rows, x + 1, xStride, second);
            TLanes.JoinBf16(group + (2 * CodeBytes), group, 4, bytes, out first, out second);
            Add(ref rows, x + 2, xStride, first);
            Add(ref rows, x + 3, xStride, second);
        }

        rows.Store(y, yStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<TRows>(ref TRows rows, float* x, nint xStride, TVector words)
        where TRows : struct, TileRows<TLanes, TVector>.IRows<TRows>
    {
        TLanes.WidenBf16(words, out var low, out var high);
        rows.Add(x, xStride, low, high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fetch(byte* weights)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(weights);
            if (TLanes.Count == 16)
            {
                Sse.Prefetch0(weights + PanelKernel.CacheLine);
                Sse.Prefetch0(weights + (2 * PanelKernel.CacheLine));
            }
            else if (TLanes.Count == 8)
            {
                Sse.Prefetch0(weights + PanelKernel.CacheLine);
            }
        }
    }
}
