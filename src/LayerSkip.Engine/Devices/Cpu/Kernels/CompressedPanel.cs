using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>A panel of weights compressed without loss: bfloat16s in 12 bits each, float32s in 28, but for a few.</summary>
/// <remarks>
/// The weights of a matrix are of similar magnitude: few of the 256 exponents occur, and nearly all of them lie close together (DFloat11, arXiv
/// 2504.11651, codes them with about three bits). The lower byte of a bfloat16 (the exponent's last bit, and the mantissa) stays as it is; the upper one (sign, and
/// the exponent's other seven bits) becomes a code of four bits, for which the panel has 16 bytes. The upper half of a float32 is a bfloat16, and the
/// lower one, its tail, looks random: it stays as it is, too.
///
/// Four inputs of a pair form a group, of parts of one size: their codes, the lower bytes of two inputs, those of the other two
/// (<see cref="ILanes{TVector}.JoinBf16"/>), and of float32s the tails of each input (<see cref="ILanes{TVector}.JoinF32"/>). A group of which some weight has no
/// code stays as it is, and so do the inputs behind the last whole group: plain, as <see cref="Bf16Panel"/> or <see cref="F32Panel"/> has them.
///
/// A panel is this header, the numbers of its plain groups, and its pairs, whose groups follow each other in the order in which they are read.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CompressedPanel
{
    /// <summary>Inputs of a group.</summary>
    public const int GroupInputs = 4;

    /// <summary>Codes of an upper byte.</summary>
    public const int Codes = 16;

    /// <summary>What the codes stand for.</summary>
    public fixed byte HighBytes[Codes];

    /// <summary>How many groups are plain; which, in ascending order, stands behind this header.</summary>
    public int PlainGroups;

    /// <summary>Parts of a group before the tails.</summary>
    public const int PartsBeforeTails = 3;

    /// <summary>Bytes of a part of a group of a pair with W lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int PartBytes(int lanes) => GroupInputs * lanes;

    /// <summary>Bytes of a group of a pair with W lanes: each of its 8 W weights has become half a byte shorter.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int GroupBytes<TFormat>(int lanes)
        where TFormat : ICompressibleFormat =>
        PlainGroupBytes<TFormat>(lanes) - PartBytes(lanes);

    /// <summary>Bytes of an input of a pair with W lanes that is plain.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int PlainBytes<TFormat>(int lanes)
        where TFormat : ICompressibleFormat =>
        TFormat.Bytes * 2 * lanes;

    /// <summary>Bytes of a plain group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int PlainGroupBytes<TFormat>(int lanes)
        where TFormat : ICompressibleFormat =>
        GroupInputs * PlainBytes<TFormat>(lanes);

    /// <summary>Bytes of a pair with W lanes.</summary>
    /// <param name="lanes">W.</param>
    /// <param name="inputs">Weights of a column.</param>
    /// <param name="plainGroups">How many groups are plain.</param>
    public static nint PairBytes<TFormat>(int lanes, int inputs, int plainGroups)
        where TFormat : ICompressibleFormat
    {
        var (groups, rest) = Math.DivRem(inputs, GroupInputs);
        return ((groups - plainGroups) * (nint)GroupBytes<TFormat>(lanes)) + (plainGroups * (nint)PlainGroupBytes<TFormat>(lanes)) + (rest * (nint)PlainBytes<TFormat>(lanes));
    }

    /// <summary>Bytes of a panel.</summary>
    /// <param name="inputs">Weights of a column.</param>
    /// <param name="plainGroups">How many groups are plain.</param>
    public static long BytesFor<TFormat>(int inputs, int plainGroups)
        where TFormat : ICompressibleFormat =>
        HeaderBytes(plainGroups) + Padded(PairBytes<TFormat>(PanelKernel.Width / 2, inputs, plainGroups));

    /// <summary>Which groups of a panel are plain.</summary>
    public static ReadOnlySpan<int> PlainGroupsOf(CompressedPanel* panel) => new(panel + 1, panel->PlainGroups);

    /// <summary>The first pair's first group.</summary>
    public static byte* PairsOf(CompressedPanel* panel) => (byte*)panel + HeaderBytes(panel->PlainGroups);

    /// <summary>Reads a column's weights of a run of groups, widened to float32.</summary>
    /// <param name="panel">The panel.</param>
    /// <param name="groups">The run's groups of one pair.</param>
    /// <param name="lanes">W.</param>
    /// <param name="lane">Column within its column group.</param>
    /// <param name="upper">Whether that is the upper one.</param>
    /// <param name="weights">Room for the weights, whole groups of them.</param>
    public static void ReadColumn<TFormat>(CompressedPanel* panel, byte* groups, int lanes, int lane, bool upper, Span<float> weights)
        where TFormat : ICompressibleFormat
    {
        // Of 16 bytes, 8 are of an even input and 8 of the odd one behind it.
        var column = TFormat.Place(lane, upper);
        var (sixteen, place) = Math.DivRem(column, 8);
        var part = PartBytes(lanes);
        for (var k = 0; k < weights.Length; k += GroupInputs, groups += GroupBytes<TFormat>(lanes))
        {
            for (var input = 0; input < GroupInputs; input++)
            {
                var at = groups + (16 * sixteen) + place + (8 * (input % 2));
                var high = panel->HighBytes[(*at >> (input / 2 * 4)) % Codes];
                var low = at[(1 + (input / 2)) * part];
                var tail = TFormat.Bytes > Bf16Panel.Bytes ? ((ushort*)(groups + ((PartsBeforeTails + input) * part)))[column] : 0u;
                weights[k + input] = BitConverter.UInt32BitsToSingle(((uint)high << 24) | ((uint)low << 16) | tail);
            }
        }
    }

    private static long HeaderBytes(int plainGroups) => Padded(sizeof(CompressedPanel) + ((long)plainGroups * sizeof(int)));

    private static long Padded(long bytes) => (bytes + PanelKernel.CacheLine - 1) / PanelKernel.CacheLine * PanelKernel.CacheLine;
}
