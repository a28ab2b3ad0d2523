using System.Runtime.InteropServices;
using LayerSkip.Engine.Cuda.Driver;
using LayerSkip.Engine.Cuda.Verification;
using LayerSkip.Engine.Cuda.Weights;

namespace LayerSkip.Engine.Cuda.Tests.Kernels;

/// <summary>Benches on the tests' device.</summary>
internal static class KernelBenches
{
    /// <summary>The weight formats, by what kernels' names end with.</summary>
    public static TheoryData<string> Formats => [.. Enum.GetValues<MatrixFormat>().Select(format => format.Suffix())];

    public static KernelBench Open()
    {
        var (driver, device) = Rig.Device;
        return new(new CudaContext(driver, device));
    }

    /// <summary>One of <see cref="Formats"/>.</summary>
    public static MatrixFormat Format(string suffix) => Enum.GetValues<MatrixFormat>().Single(format => format.Suffix() == suffix);

    /// <summary>Runs the same twice, emulated threads in forward and in reversed order; the results must be the same to the last bit.</summary>
    public static T[] InBothOrders<T>(Func<KernelBench, T[]> run)
        where T : unmanaged
    {
        var results = new T[2][];
        for (var order = 0; order < 2; order++)
        {
            using var bench = Open();
            if (Rig.IsGpu)
            {
                results[order] = run(bench);
                continue;
            }

            Rig.Controls.Reverse(order == 1);
            try
            {
                results[order] = run(bench);
                Assert.True(Rig.Controls.IsWhole, "a kernel wrote outside its memory");
            }
            finally
            {
                Rig.Controls.Reverse(false);
            }
        }

        Assert.True(
            MemoryMarshal.AsBytes<T>(results[0]).SequenceEqual(MemoryMarshal.AsBytes<T>(results[1])), "the result depends on the order of the threads");
        return results[0];
    }

    /// <summary>Runs a case in both orders, and compares it with its reference.</summary>
    public static uint[] AssertRight(KernelCase @case)
    {
        var result = InBothOrders(@case.Run);
        Assert.Null(@case.Compare(result).Problem);
        return result;
    }
}
