using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>Root-mean-square normalisation: y = x / sqrt(mean(x²) + ε) · weight.</summary>
internal static unsafe class RmsNorm
{
    /// <param name="x">One row.</param>
    /// <param name="weight">Scale of each element; as long as <paramref name="x"/>.</param>
    /// <param name="y">The normalised row; as long as <paramref name="x"/>, not overlapping it.</param>
    /// <param name="epsilon">Added to the mean square.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Apply(ReadOnlySpan<float> x, ReadOnlySpan<float> weight, Span<float> y, float epsilon)
    {
        if (weight.Length != x.Length || y.Length != x.Length)
        {
            throw new ArgumentException($"lengths differ: x {x.Length}, weight {weight.Length}, y {y.Length}");
        }

        fixed (float* px = x, pw = weight, py = y)
        {
            // Sixteen partial sums, added up in a fixed order.
            Vector256<float> s0 = default, s1 = default;
            var i = 0;
            if (Avx512F.IsSupported)
            {
                Vector512<float> s = default;
                for (; i <= x.Length - 16; i += 16)
                {
                    var a = Vector512.Load(px + i);
                    s = Avx512F.FusedMultiplyAdd(a, a, s);
                }

                (s0, s1) = (s.GetLower(), s.GetUpper());
            }

            for (; i <= x.Length - 16; i += 16)
            {
                var (a, b) = (Vector256.Load(px + i), Vector256.Load(px + i + 8));
                s0 = Vector256.FusedMultiplyAdd(a, a, s0);
                s1 = Vector256.FusedMultiplyAdd(b, b, s1);
            }

            var sum = Vector256.Sum(s0 + s1);
            for (; i < x.Length; i++)
            {
                sum += px[i] * px[i];
            }

            var scale = 1 / MathF.Sqrt((sum / x.Length) + epsilon);
            var scales = Vector256.Create(scale);
            i = 0;
            if (Avx512F.IsSupported)
            {
                for (; i <= x.Length - 16; i += 16)
                {
                    (Vector512.Load(px + i) * Vector512.Create(scale) * Vector512.Load(pw + i)).Store(py + i);
                }
            }

            for (; i <= x.Length - 8; i += 8)
            {
                (Vector256.Load(px + i) * scales * Vector256.Load(pw + i)).Store(py + i);
            }

            for (; i < x.Length; i++)
            {
                py[i] = px[i] * scale * pw[i];
            }
        }
    }
}
