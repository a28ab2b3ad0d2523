using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Cli.Measurement;

/// <summary>Measures how many multiply-adds this machine does: the limit of prefill. Ten independent chains keep the units busy.</summary>
internal static unsafe class FmaPeak
{
    private const int Chains = 10;
    private const int Iterations = 4_000_000;

    /// <summary>Runs all threads at once on the widest vectors this machine has.</summary>
    /// <param name="threads">At least 1.</param>
    /// <returns>Floating-point operations per second, two for each multiply-add.</returns>
    public static double Measure(int threads)
    {
        var results = new float[threads];
        var seconds = ThreadTeam.Time(threads, thread => results[thread] = Run());

        // Using the results keeps the compiler from leaving the arithmetic out.
        return results.All(float.IsFinite) ? 2.0 * Chains * Lanes * Iterations * threads / seconds : 0;
    }

    private static int Lanes => SimdPaths.Choose() switch
    {
        SimdPath.Avx512 => Avx512Lanes.Count,
        SimdPath.Avx2 => Avx2Lanes.Count,
        _ => PortableLanes.Count,
    };

    private static float Run() => SimdPaths.Choose() switch
    {
        SimdPath.Avx512 => Run<Avx512Lanes, Vector512<float>>(),
        SimdPath.Avx2 => Run<Avx2Lanes, Vector256<float>>(),
        _ => Run<PortableLanes, Vector128<float>>(),
    };

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Run<TLanes, TVector>()
        where TLanes : ILanes<TVector>
        where TVector : struct
    {
        var x = TLanes.Broadcast(0.999f);
        var y = TLanes.Broadcast(0.001f);
        TVector a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x;
        for (var n = 0; n < Iterations; n++)
        {
            a = TLanes.MultiplyAdd(a, x, y);
            b = TLanes.MultiplyAdd(b, x, y);
            c = TLanes.MultiplyAdd(c, x, y);
            d = TLanes.MultiplyAdd(d, x, y);
            e = TLanes.MultiplyAdd(e, x, y);
            f = TLanes.MultiplyAdd(f, x, y);
            g = TLanes.MultiplyAdd(g, x, y);
            h = TLanes.MultiplyAdd(h, x, y);
            i = TLanes.MultiplyAdd(i, x, y);
            j = TLanes.MultiplyAdd(j, x, y);
        }

        a = TLanes.MultiplyAdd(a, b, TLanes.MultiplyAdd(c, d, TLanes.MultiplyAdd(e, f, TLanes.MultiplyAdd(g, h, TLanes.MultiplyAdd(i, j, y)))));
        var sum = stackalloc float[TLanes.Count];
        TLanes.Store(a, sum);
        return sum[0];
    }
}
