using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>float32: the lower group's vector, then the upper one's.</summary>
internal unsafe struct F32Panel : ICompressibleFormat
{
    /// <summary>Halves of float32s are in fours: of the lower group, then of the upper one.</summary>
    private const int Four = 4;

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

    public static ushort* Split(byte* pair, int lanes, int inputs, ushort* room, ushort* tails)
    {
        var source = (uint*)pair;
        for (var input = 0; input < inputs; input++, source += 2 * lanes)
        {
            for (var lane = 0; lane < lanes; lane += Four)
            {
                var (low, high) = (Vector128.Load(source + lane), Vector128.Load(source + lanes + lane));
                var place = 2 * ((input * lanes) + lane);
                Vector128.Narrow(low >>> 16, high >>> 16).Store(room + place);
                Vector128.Narrow(low, high).Store(tails + place);
            }
        }

        return room;
    }

    public static int Place(int lane, bool upper) => (lane / Four * 2 * Four) + (upper ? Four : 0) + (lane % Four);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Join<TLanes, TVector>(TVector bfloats, ushort* tails, out TVector low, out TVector high)
        where TLanes : ILanes<TVector>
        where TVector : struct =>
        TLanes.JoinF32(tails, bfloats, out low, out high);
}
