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

    public static float Read(byte* pair, int lanes, int lane, bool upper) => ((float*)pair)[(upper ? lanes : 0) + lane];
}
