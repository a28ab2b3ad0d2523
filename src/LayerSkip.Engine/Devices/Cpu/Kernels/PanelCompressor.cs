using System.Runtime.Intrinsics;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>Compresses panels of <see cref="Bf16Panel"/> into <see cref="CompressedPanel"/>s.</summary>
/// <param name="lanes">W.</param>
/// <param name="inputs">Weights of a column.</param>
internal readonly unsafe struct PanelCompressor(int lanes, int inputs)
{
    /// <summary>Groups that are looked at to choose a panel's code.</summary>
    private const int SampledGroups = 64;

    private int Pairs => PanelKernel.Width / (2 * lanes);

    private int Groups => inputs / CompressedPanel.GroupInputs;

    private int PlainBytes => CompressedPanel.PlainBytes(lanes);

    /// <summary>The code that suits a panel, and how many of its groups stay plain with it.</summary>
    /// <param name="plain">The panel as <see cref="Bf16Panel"/> has it.</param>
    public (HighByteCode Code, int PlainGroups) Measure(byte* plain)
    {
        var code = HighByteCode.Of(Counts(plain, stackalloc int[HighByteCode.Values]));
        var room = stackalloc byte[CompressedPanel.GroupBytes(lanes)];
        var plainGroups = 0;
        for (var group = 0; group < Groups; group++)
        {
            plainGroups += TryEncode(plain, group, code, room, 0) ? 0 : 1;
        }

        return (code, plainGroups);
    }

    /// <summary>Writes a panel.</summary>
    /// <param name="plain">The panel as <see cref="Bf16Panel"/> has it.</param>
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
        var pairBytes = CompressedPanel.PairBytes(lanes, inputs, plainGroups);
        for (var group = 0; group < Groups; group++)
        {
            if (TryEncode(plain, group, code, place, pairBytes))
            {
                place += CompressedPanel.GroupBytes(lanes);
                continue;
            }

            *number++ = group;
            Copy(plain, group, CompressedPanel.GroupInputs, place, pairBytes);
            place += CompressedPanel.PlainGroupBytes(lanes);
        }

        Copy(plain, Groups, inputs % CompressedPanel.GroupInputs, place, pairBytes);
    }

    /// <summary>How often each value of the exponent's upper seven bits occurs, in some of the groups.</summary>
    private ReadOnlySpan<int> Counts(byte* plain, Span<int> counts)
    {
        counts.Clear();
        for (var group = 0; group < Groups; group += 1 + (Groups / SampledGroups))
        {
            for (var pair = 0; pair < Pairs; pair++)
            {
                foreach (var weight in new ReadOnlySpan<ushort>(PlainGroup(plain, pair, group), CompressedPanel.PlainGroupBytes(lanes) / sizeof(ushort)))
                {
                    counts[(weight >> 8) % HighByteCode.Values]++;
                }
            }
        }

        return counts;
    }

    /// <summary>Writes a group of every pair, <paramref name="pairBytes"/> apart.</summary>
    /// <returns>Whether all weights have a code; if not, what is written means nothing.</returns>
    private bool TryEncode(byte* plain, int group, HighByteCode code, byte* target, nint pairBytes)
    {
        for (var pair = 0; pair < Pairs; pair++)
        {
            if (!TryEncode(PlainGroup(plain, pair, group), code, target + (pair * pairBytes)))
            {
                return false;
            }
        }

        return true;
    }

    private bool TryEncode(byte* plainGroup, HighByteCode code, byte* target)
    {
        var lowerBytes = Vector128.Create((ushort)0xff);
        for (var piece = 0; piece < PlainBytes; piece += Vector128<byte>.Count)
        {
            var codes = Vector128<byte>.Zero;
            for (var k = 0; k < CompressedPanel.GroupInputs; k += 2)
            {
                var first = Vector128.Load((ushort*)(plainGroup + (k * PlainBytes) + piece));
                var second = Vector128.Load((ushort*)(plainGroup + ((k + 1) * PlainBytes) + piece));
                if (!code.TryEncode(Vector128.Narrow(first >>> 8, second >>> 8), out var some))
                {
                    return false;
                }

                codes |= some << (2 * k);
                Vector128.Narrow(first & lowerBytes, second & lowerBytes).Store(target + ((1 + (k / 2)) * PlainBytes) + piece);
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
