using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Engine.Devices.Cpu.Kernels;
using LayerSkip.Training.Numerics;

namespace LayerSkip.Training.Tests.Numerics;

/// <summary>GFLOPS of the three products of a linear layer beside the machine's multiply-add limit, measured in turn. Explicit: run by name.</summary>
/// <remarks><c>dotnet run -c Release --project tests/LayerSkip.Training.Tests -- -explicit only -class '*GemmThroughput' -showliveoutput</c></remarks>
[Collection("throughput")]
public unsafe class GemmThroughput(ITestOutputHelper output)
{
    private const int Rows = 2048;

    [Theory(Explicit = true)]
    [InlineData(1)]
    [InlineData(2)]
    public void Share_of_peak(int threads)
    {
        var random = new Random(1);
        using var pool = new ComputePool(threads);
        using var gemm = new Gemm(pool, SimdPaths.Choose());
        output.WriteLine($"{threads} threads, {SimdPaths.Choose()}; GFLOPS and share of the multiply-add limit measured between");
        foreach (var (inputs, outputs) in new[] { (192, 512), (192, 1024), (512, 192), (256, 512), (256, 2048), (1024, 256), (768, 3072), (256, 2304) })
        {
            using var x = NativeMatrix.Random(random, Rows, inputs, padding: 16);
            using var w = NativeMatrix.Random(random, outputs, inputs);
            using var y = NativeMatrix.Random(random, Rows, outputs, padding: 16);
            using var dx = new NativeMatrix(Rows, inputs, padding: 16);
            using var dw = new NativeMatrix(outputs, inputs);
            Span<double> best = [0, 0, 0, 0];
            for (var repeat = 0; repeat < 12; repeat++)
            {
                var flops = 2.0 * Rows * inputs * outputs;
                best[0] = Math.Max(best[0], Rate(flops, () => gemm.Multiply(x.View, w.View.Transposed, y.View)));
                best[1] = Math.Max(best[1], Rate(flops, () => gemm.Multiply(y.View, w.View, dx.View)));
                best[2] = Math.Max(best[2], Rate(flops, () => gemm.MultiplyAdd(y.View.Transposed, x.View, dw.View, dw.View)));
                best[3] = Math.Max(best[3], Peak(pool));
            }

            output.WriteLine(
                $"{Rows} x {inputs} -> {outputs}: y {best[0]:F0} ({best[0] / best[3]:P0}), dx {best[1]:F0} ({best[1] / best[3]:P0}), dW {best[2]:F0} ({best[2] / best[3]:P0}), limit {best[3]:F0}");
        }
    }

    /// <summary>GFLOPS that the machine multiplies and adds now when nothing is read.</summary>
    internal static double Peak(int threads)
    {
        using var pool = new ComputePool(threads);
        return Peak(pool);
    }

    private static double Peak(ComputePool pool)
    {
        const int Steps = 100_000;
        var path = SimdPaths.Choose();
        var lanes = path == SimdPath.Avx512 ? 16 : path == SimdPath.Avx2 ? 8 : 4;
        return Rate(2.0 * lanes * 12 * Steps * 8 * pool.Threads, () => pool.For(8 * pool.Threads, (_, _) =>
        {
            var sink = stackalloc float[16];
            switch (path)
            {
                case SimdPath.Avx512:
                    Spin<Avx512Lanes, Vector512<float>>(Steps, sink);
                    break;
                case SimdPath.Avx2:
                    Spin<Avx2Lanes, Vector256<float>>(Steps, sink);
                    break;
                default:
                    Spin<PortableLanes, Vector128<float>>(Steps, sink);
                    break;
            }
        }));
    }

    private static double Rate(double operations, Action action)
    {
        var start = Stopwatch.GetTimestamp();
        action();
        return operations / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e9;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Spin<TLanes, TVector>(int steps, float* sink)
        where TLanes : struct, ILanes<TVector>
        where TVector : struct
    {
        TVector a, b, c, d, e, f, g, h, i, j, k, l;
        a = b = c = d = e = f = g = h = i = j = k = l = TLanes.Broadcast(sink[0]);
        var (x, y) = (TLanes.Broadcast(0.5f), TLanes.Broadcast(0.25f));
        for (var step = 0; step < steps; step++)
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
            k = TLanes.MultiplyAdd(k, x, y);
            l = TLanes.MultiplyAdd(l, x, y);
        }

        a = TLanes.MultiplyAdd(TLanes.MultiplyAdd(a, b, c), TLanes.MultiplyAdd(d, e, f), g);
        TLanes.Store(TLanes.MultiplyAdd(TLanes.MultiplyAdd(h, i, j), TLanes.MultiplyAdd(k, l, a), a), sink);
    }
}
