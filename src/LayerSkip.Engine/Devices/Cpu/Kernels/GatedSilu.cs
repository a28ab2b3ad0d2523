using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>The gated MLP's activation: gate = silu(gate) · up, with silu(g) = g / (1 + e^-g).</summary>
internal static unsafe class GatedSilu
{
    /// <param name="gate">Gate projections, replaced by the result.</param>
    /// <param name="up">Up projections, as many; the count is a multiple of 8.</param>
    /// <exception cref="ArgumentException">The lengths differ or are no multiple of 8.</exception>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Apply(Span<float> gate, ReadOnlySpan<float> up)
    {
        if (gate.Length != up.Length || gate.Length % 8 != 0)
        {
            throw new ArgumentException($"gate {gate.Length} and up {up.Length}: expected equal multiples of 8");
        }

        fixed (float* pg = gate, pu = up)
        {
            var i = 0;
            if (Avx512F.IsSupported)
            {
                for (; i <= gate.Length - 16; i += 16)
                {
                    var g = Vector512.Load(pg + i);
                    var silu = g / (Vector512<float>.One + VectorMath.Exp(-g));
                    (silu * Vector512.Load(pu + i)).Store(pg + i);
                }
            }

            for (; i < gate.Length; i += 8)
            {
                var g = Vector256.Load(pg + i);
                var silu = g / (Vector256<float>.One + VectorMath.Exp(-g));
                (silu * Vector256.Load(pu + i)).Store(pg + i);
            }
        }
    }
}
