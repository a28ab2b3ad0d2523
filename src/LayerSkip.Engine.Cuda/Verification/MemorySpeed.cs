using LayerSkip.Engine.Cuda.Driver;
using LayerSkip.Engine.Cuda.Weights;

namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>How fast a device's memory is.</summary>
/// <param name="CopyBytes">Bytes copied at once.</param>
/// <param name="CopyBytesPerSecond">Copying within the device, bytes read and bytes written together.</param>
/// <param name="WeightBytes">Bytes of a bfloat16 matrix.</param>
/// <param name="WeightBytesPerSecond">Reading it in the product with one row, as a decode step does.</param>
internal sealed record MemorySpeed(long CopyBytes, double CopyBytesPerSecond, long WeightBytes, double WeightBytesPerSecond)
{
    private const int Repeats = 10;

    /// <summary>Measures a device.</summary>
    /// <param name="driver">The driver.</param>
    /// <param name="device">Of the driver.</param>
    /// <param name="width">Inputs and outputs of the matrix.</param>
    /// <exception cref="CudaException">The device cannot be used.</exception>
    public static MemorySpeed Of(CudaDriver driver, CudaDeviceInfo device, int width)
    {
        using var context = new CudaContext(driver, device);
        using var bench = new KernelBench(context);
        var weightBytes = MatrixFormat.Bf16.BytesFor(width, width);
        var copyBytes = Math.Min(2 * weightBytes, context.FreeBytes() / 8);
        var (from, to) = (context.Allocate(copyBytes), context.Allocate(copyBytes));
        var copySeconds = Time(context, () => context.Copy(to, from, copyBytes));

        var (matrix, stride) = (context.Allocate(weightBytes), Geometry.Padded(width));
        var (x, y, positions) = (bench.Put(new float[stride]), bench.Put(new float[stride]), bench.Put(0));
        var weightSeconds = Time(context, () => bench.Launch(
            "project_add_bf16", (Geometry.Blocks(width, 16), 1, 1), 256, y, matrix, 0ul, 0ul, x, positions, 1, width, width));
        return new(copyBytes, 2 * copyBytes / copySeconds, weightBytes, weightBytes / weightSeconds);
    }

    /// <summary>Seconds of one run, once it has run before.</summary>
    private static double Time(CudaContext context, Action work)
    {
        work();
        return StreamTimer.Time(context, () =>
        {
            for (var i = 0; i < Repeats; i++)
            {
                work();
            }
        }) / Repeats;
    }
}
