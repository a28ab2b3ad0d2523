using System.Runtime.CompilerServices;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>32 float32 weights an input, in column order.</summary>
internal unsafe struct F32Panel : IPanelFormat
{
    public static int RowBytes => 32 * sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadPair<TLanes, TVector>(byte* source, out TVector low, out TVector high)
        where TLanes : ILanes<TVector>
        where TVector : struct
    {
        low = TLanes.Load((float*)source);
        high = TLanes.Load((float*)source + 16);
    }

    public static void Write(byte* row, int column, float value) => ((float*)row)[column] = value;

    public static float Read(byte* row, int column) => ((float*)row)[column];
}
