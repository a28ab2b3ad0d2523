using System.Runtime.Intrinsics;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>A code of four bits for the upper bytes of bfloat16s, or of float32s: the sign, and one of up to eight neighbouring values of the exponent's upper seven bits, or of seven and zero.</summary>
internal readonly unsafe struct HighByteCode
{
    /// <summary>Values of the exponent's upper seven bits.</summary>
    public const int Values = 128;

    private const int MostValues = 8;
    private const byte CodeOfSign = 8;

    private readonly byte _first;
    private readonly byte _count;

    private HighByteCode(int first, int count) => (_first, _count) = ((byte)first, (byte)count);

    /// <summary>The code that the most of some weights have.</summary>
    /// <param name="counts">How often each value of the exponent's upper seven bits occurs among them.</param>
    public static HighByteCode Of(ReadOnlySpan<int> counts)
    {
        var (best, most) = (default(HighByteCode), -1L);
        for (var count = MostValues - 1; count <= MostValues; count++)
        {
            // Where zero takes a code of its own, it need not be one of the neighbours.
            for (var first = count == MostValues ? 0 : 1; first <= Values - count; first++)
            {
                var covered = count == MostValues ? 0L : counts[0];
                foreach (var occurrences in counts.Slice(first, count))
                {
                    covered += occurrences;
                }

                if (covered > most)
                {
                    (best, most) = (new(first, count), covered);
                }
            }
        }

        return best;
    }

    /// <summary>Writes what the <see cref="CompressedPanel.Codes"/> codes stand for.</summary>
    public void WriteTo(byte* highBytes)
    {
        for (var code = 0; code < CompressedPanel.Codes; code++)
        {
            var value = code % MostValues < _count ? _first + (code % MostValues) : 0;
            highBytes[code] = (byte)((code / MostValues * Values) | value);
        }
    }

    /// <summary>Encodes upper bytes.</summary>
    /// <returns>Whether all of them have a code.</returns>
    public bool TryEncode(Vector128<byte> upper, out Vector128<byte> codes)
    {
        var value = upper & Vector128.Create((byte)(Values - 1));
        var offset = value - Vector128.Create(_first);
        var neighbours = Vector128.LessThan(offset, Vector128.Create(_count));
        var zero = _count < MostValues ? Vector128.Equals(value, Vector128<byte>.Zero) : Vector128<byte>.Zero;
        var sign = (upper >>> 4) & Vector128.Create(CodeOfSign);
        codes = sign | Vector128.ConditionalSelect(neighbours, offset, Vector128.Create((byte)(MostValues - 1)));
        return (neighbours | zero) == Vector128<byte>.AllBitsSet;
    }
}
