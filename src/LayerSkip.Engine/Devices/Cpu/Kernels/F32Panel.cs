using System.Runtime.CompilerServices;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>float32: the lower group's vector, then the upper one's.</summary>
internal unsafe struct F32Panel : IPanelFormat
{
    public static int Bytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => sizeof(float);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadPair<TLanes, TVector>(byte* source, out TVector low, out TVector high)
        where TLanes : ILanes<TVector>
        where TVector : struct
    {
        low = TLanes.Load((float*)source);
        high = TLanes.Load((float*)source + TLanes.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write(byte* pair, int lanes, int lane, bool upper, float value) =>
        ((float*)pair)[(upper ? lanes : 0) + lane] = value;

    public static void WriteBoth(byte* pair, int lanes, int lane, ReadOnlySpan<float> low, ReadOnlySpan<float> high)
    {
        var cell = (float*)pair + lane;
        for (var k = 0; k < low.Length; k++, cell += 2 * lanes)
        {
            cell[0] = low[k];
            cell[lanes] = high[k];
        }
    }

    public static float Read(byte* pair, int lanes, int lane, bool upper) => ((float*)pair)[(upper ? lanes : 0) + lane];
}
