using System.Runtime.CompilerServices;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>16 words an input; word i holds column i in its lower and column 16 + i in its upper half, both bfloat16.</summary>
internal unsafe struct Bf16Panel : IPanelFormat
{
    public static int RowBytes => 16 * sizeof(uint);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadPair<TLanes, TVector>(byte* source, out TVector low, out TVector high)
        where TLanes : ILanes<TVector>
        where TVector : struct =>
        TLanes.WidenBf16((uint*)source, out low, out high);

    public static void Write(byte* row, int column, float value) => Half(row, column) = Round(value);

    public static float Read(byte* row, int column) => BitConverter.UInt32BitsToSingle((uint)Half(row, column) << 16);

    private static ref ushort Half(byte* row, int column) => ref ((ushort*)row)[(2 * (column & 15)) + (column >> 4)];

    /// <summary>Rounds to the nearest bfloat16, ties to even; a NaN stays a NaN.</summary>
    private static ushort Round(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value)
            ? (ushort)((bits >> 16) | 0x40)
            : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
