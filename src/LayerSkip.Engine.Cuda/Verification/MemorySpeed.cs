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
    private const long LeastCopy = 128L << 20; // below, copies would be of what caches hold
    private const long LargestCopy = 256L << 20;

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
        var (copyBytes, copySpeed) = OfCopies(context, 2 * weightBytes);
        var matrix = context.Allocate(weightBytes);
        var (x, y, positions) = (bench.PutActivations(new float[width], width), bench.Put(new float[Geometry.Padded(width)]), bench.Put(0));
        var weightSeconds = Time(context, () => bench.Launch(
            "project_add_bf16", (Geometry.Blocks(width, 16), 1, 1), 256, y, matrix, 0ul, 0ul, x, positions, 1, width, width));
        return new(copyBytes, copySpeed, weightBytes, weightBytes / weightSeconds);
    }

    /// <summary>Measures copies alone.</summary>
    /// <param name="driver">The driver.</param>
    /// <param name="device">Of the driver.</param>
    /// <returns>Bytes read and written a second.</returns>
    /// <exception cref="InsufficientMemoryException">The device has no memory to spare.</exception>
    /// <exception cref="CudaException">The device cannot be used.</exception>
    public static double OfCopies(CudaDriver driver, CudaDeviceInfo device)
    {
        using var context = new CudaContext(driver, device);
        return context.FreeBytes() / 8 < LeastCopy
            ? throw new InsufficientMemoryException($"too little memory is free on {device.Name} to measure its speed")
            : OfCopies(context, LargestCopy).BytesPerSecond;
    }

    private static (long Bytes, double BytesPerSecond) OfCopies(CudaContext context, long most)
    {
        var bytes = Math.Min(most, context.FreeBytes() / 8);
        var (from, to) = (context.Allocate(bytes), context.Allocate(bytes));
        try
        {
            return (bytes, 2 * bytes / Time(context, () => context.Copy(to, from, bytes)));
        }
        finally
        {
            context.Free(from, bytes);
            context.Free(to, bytes);
        }
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
