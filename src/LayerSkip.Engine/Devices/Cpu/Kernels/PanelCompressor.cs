using System.Runtime.Intrinsics;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>Compresses panels into <see cref="CompressedPanel"/>s.</summary>
/// <param name="lanes">W.</param>
/// <param name="inputs">Weights of a column.</param>
internal readonly unsafe struct PanelCompressor<TFormat>(int lanes, int inputs)
    where TFormat : ICompressibleFormat
{
    /// <summary>Groups that are looked at to choose a panel's code.</summary>
    private const int SampledGroups = 64;

    private int Pairs => PanelKernel.Width / (2 * lanes);

    private int Groups => inputs / CompressedPanel.GroupInputs;

    /// <summary>Weights of a group of a pair.</summary>
    private int GroupWeights => 2 * CompressedPanel.GroupInputs * lanes;

    private int PartBytes => CompressedPanel.PartBytes(lanes);

    private int PlainBytes => CompressedPanel.PlainBytes<TFormat>(lanes);

    /// <summary>The code that suits a panel, and how many of its groups stay plain with it.</summary>
    /// <param name="plain">The panel as it is uncompressed.</param>
    public (HighByteCode Code, int PlainGroups) Measure(byte* plain)
    {
        var code = HighByteCode.Of(Counts(plain, stackalloc int[HighByteCode.Values]));
        var room = stackalloc ushort[GroupWeights];
        var target = stackalloc byte[CompressedPanel.GroupBytes<TFormat>(lanes)];
        var plainGroups = 0;
        for (var group = 0; group < Groups; group++)
        {
            plainGroups += TryEncode(plain, group, code, room, target, 0) ? 0 : 1;
        }

        return (code, plainGroups);
    }

    /// <summary>Writes a panel.</summary>
    /// <param name="plain">The panel as it is uncompressed.</param>
    /// <param name="code">Its code, as <see cref="Measure"/> chose it.</param>
    /// <param name="plainGroups">How many groups stay plain with that.</param>
    /// <param name="target">Room for <see cref="CompressedPanel.BytesFor"/> bytes.</param>
    public void Compress(byte* plain, HighByteCode code, int plainGroups, byte* target)
    {
        var panel = (CompressedPanel*)target;
        panel->PlainGroups = plainGroups;
        code.WriteTo(panel->HighBytes);

        var number = (int*)(panel + 1);
        var place = CompressedPanel.PairsOf(panel);
        var room = stackalloc ushort[GroupWeights];
        var pairBytes = CompressedPanel.PairBytes<TFormat>(lanes, inputs, plainGroups);
        for (var group = 0; group < Groups; group++)
        {
            if (TryEncode(plain, group, code, room, place, pairBytes))
            {
                place += CompressedPanel.GroupBytes<TFormat>(lanes);
                continue;
            }

            *number++ = group;
            Copy(plain, group, CompressedPanel.GroupInputs, place, pairBytes);
            place += CompressedPanel.PlainGroupBytes<TFormat>(lanes);
        }

        Copy(plain, Groups, inputs % CompressedPanel.GroupInputs, place, pairBytes);
    }

    /// <summary>How often each value of the exponent's upper seven bits occurs, in some of the groups.</summary>
    private ReadOnlySpan<int> Counts(byte* plain, Span<int> counts)
    {
        counts.Clear();
        var room = stackalloc ushort[GroupWeights];
        var tails = stackalloc ushort[GroupWeights];
        for (var group = 0; group < Groups; group += 1 + (Groups / SampledGroups))
        {
            for (var pair = 0; pair < Pairs; pair++)
            {
                var bfloats = TFormat.Split(PlainGroup(plain, pair, group), lanes, CompressedPanel.GroupInputs, room, tails);
                foreach (var bfloat in new ReadOnlySpan<ushort>(bfloats, GroupWeights))
                {
                    counts[(bfloat >> 8) % HighByteCode.Values]++;
                }
            }
        }

        return counts;
    }

    /// <summary>Writes a group of every pair, <paramref name="pairBytes"/> apart.</summary>
    /// <returns>Whether all weights have a code; if not, what is written means nothing.</returns>
    private bool TryEncode(byte* plain, int group, HighByteCode code, ushort* room, byte* target, nint pairBytes)
    {
        for (var pair = 0; pair < Pairs; pair++)
        {
            if (!TryEncode(PlainGroup(plain, pair, group), code, room, target + (pair * pairBytes)))
            {
                return false;
            }
        }

        return true;
    }

    private bool TryEncode(byte* plainGroup, HighByteCode code, ushort* room, byte* target)
    {
        var lowerBytes = Vector128.Create((ushort)0xff);
        var tails = (ushort*)(target + (CompressedPanel.PartsBeforeTails * PartBytes));
        var bfloats = (byte*)TFormat.Split(plainGroup, lanes, CompressedPanel.GroupInputs, room, tails);
        for (var piece = 0; piece < PartBytes; piece += Vector128<byte>.Count)
        {
            var codes = Vector128<byte>.Zero;
            for (var k = 0; k < CompressedPanel.GroupInputs; k += 2)
            {
                var first = Vector128.Load((ushort*)(bfloats + (k * PartBytes) + piece));
                var second = Vector128.Load((ushort*)(bfloats + ((k + 1) * PartBytes) + piece));
                if (!code.TryEncode(Vector128.Narrow(first >>> 8, second >>> 8), out var some))
                {
                    return false;
                }

                codes |= some << (2 * k);
                Vector128.Narrow(first & lowerBytes, second & lowerBytes).Store(target + ((1 + (k / 2)) * PartBytes) + piece);
            }

            codes.Store(target + piece);
        }

        return true;
    }

    private void Copy(byte* plain, int group, int count, byte* target, nint pairBytes)
    {
        for (var pair = 0; pair < Pairs; pair++)
        {
            var bytes = count * PlainBytes;
            Buffer.MemoryCopy(PlainGroup(plain, pair, group), target + (pair * pairBytes), bytes, bytes);
        }
    }

    private byte* PlainGroup(byte* plain, int pair, int group) =>
        plain + (((pair * (nint)inputs) + (group * CompressedPanel.GroupInputs)) * PlainBytes);
}
