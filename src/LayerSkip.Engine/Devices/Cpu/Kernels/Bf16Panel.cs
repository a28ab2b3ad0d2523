using System.Numerics;
using System.Runtime.CompilerServices;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>bfloat16, two to a word: the lower group's column in the lower half, the upper one's in the upper half.</summary>
internal unsafe struct Bf16Panel : ICompressibleFormat
{
    public static int Bytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => sizeof(ushort);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadPair<TLanes, TVector>(byte* source, out TVector low, out TVector high)
        where TLanes : ILanes<TVector>
        where TVector : struct =>
        TLanes.WidenBf16((uint*)source, out low, out high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write(byte* pair, int lanes, int lane, bool upper, float value) =>
        ((ushort*)pair)[Place(lane, upper)] = ElementNarrowing.ToBF16(value);

    public static void WriteBoth(byte* pair, int lanes, int lane, ReadOnlySpan<float> low, ReadOnlySpan<float> high)
    {
        var word = (uint*)pair + lane;
        var words = stackalloc uint[Vector<uint>.Count];
        var k = 0;
        for (; k <= low.Length - Vector<float>.Count; k += Vector<float>.Count)
        {
            ((ElementNarrowing.ToBF16(new Vector<float>(low[k..])) >>> 16) | ElementNarrowing.ToBF16(new Vector<float>(high[k..]))).Store(words);
            for (var i = 0; i < Vector<uint>.Count; i++, word += lanes)
            {
                *word = words[i];
            }
        }

        for (; k < low.Length; k++, word += lanes)
        {
            *word = ElementNarrowing.ToBF16(low[k]) | ((uint)ElementNarrowing.ToBF16(high[k]) << 16);
        }
    }

    public static float Read(byte* pair, int lanes, int lane, bool upper) =>
        BitConverter.UInt32BitsToSingle((uint)((ushort*)pair)[Place(lane, upper)] << 16);

    public static ushort* Split(byte* pair, int lanes, int inputs, ushort* room, ushort* tails) => (ushort*)pair;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Place(int lane, bool upper) => (2 * lane) + (upper ? 1 : 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Join<TLanes, TVector>(TVector bfloats, ushort* tails, out TVector low, out TVector high)
        where TLanes : ILanes<TVector>
        where TVector : struct =>
        TLanes.WidenBf16(bfloats, out low, out high);
}
