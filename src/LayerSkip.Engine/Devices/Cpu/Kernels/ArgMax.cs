using System.Runtime.Intrinsics;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>The position of the greatest value.</summary>
internal static class ArgMax
{
    /// <summary>The first index of the greatest value; NaN never counts as great, and if all are NaN the result is 0.</summary>
    /// <exception cref="ArgumentException">There are no values.</exception>
    public static int Of(ReadOnlySpan<float> values)
    {
        if (values.IsEmpty)
        {
            throw new ArgumentException("no values", nameof(values));
        }

        // What is compared with a NaN is not greater: NaN never gets in.
        var (greatest, other) = (Vector256.Create(float.NegativeInfinity), Vector256.Create(float.NegativeInfinity));
        var i = 0;
        for (; i <= values.Length - 16; i += 16)
        {
            greatest = Greater(Vector256.Create(values.Slice(i, 8)), greatest);
            other = Greater(Vector256.Create(values.Slice(i + 8, 8)), other);
        }

        for (; i <= values.Length - 8; i += 8)
        {
            greatest = Greater(Vector256.Create(values.Slice(i, 8)), greatest);
        }

        greatest = Greater(other, greatest);
        var max = float.NegativeInfinity;
        for (var lane = 0; lane < 8; lane++)
        {
            max = greatest[lane] > max ? greatest[lane] : max;
        }

        for (; i < values.Length; i++)
        {
            max = values[i] > max ? values[i] : max;
        }

        return Math.Max(0, values.IndexOf(max));
    }

    private static Vector256<float> Greater(Vector256<float> value, Vector256<float> than) =>
        Vector256.ConditionalSelect(Vector256.GreaterThan(value, than), value, than);
}
