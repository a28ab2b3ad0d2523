using LayerSkip.Engine.Cuda.Driver;
using LayerSkip.Engine.Cuda.Weights;

namespace LayerSkip.Engine.Cuda;

/// <summary>Finds room for a model: on the first GPU that holds it whole, else on as few as hold it together, those with the most free memory.</summary>
internal static class Placement
{
    /// <summary>Takes GPUs.</summary>
    /// <param name="driver">The driver.</param>
    /// <param name="devices">Those that may be taken.</param>
    /// <param name="demand">What the model takes.</param>
    /// <returns>The GPUs in the order of their layers, and how many each gets; they are the caller's to dispose.</returns>
    /// <exception cref="CudaException">No GPU could be opened: the first one's error.</exception>
    /// <exception cref="InsufficientMemoryException">The GPUs together have too little free memory; the message says how much each has.</exception>
    public static IReadOnlyList<(CudaContext Context, int Layers)> Take(CudaDriver driver, IReadOnlyList<CudaDeviceInfo> devices, MemoryDemand demand)
    {
        var counters = new DriverCounters();
        var opened = new List<(CudaContext Context, long Free)>();
        var taken = new List<(CudaContext Context, int Layers)>();
        try
        {
            // One that is full or somebody else's must not keep the model from the others.
            var failures = new List<(CudaDeviceInfo Device, CudaException Error)>();
            foreach (var device in devices)
            {
                try
                {
                    var context = new CudaContext(driver, device, counters);
                    opened.Add((context, 0));
                    opened[^1] = (context, context.FreeBytes());
                }
                catch (CudaException e)
                {
                    failures.Add((device, e));
                    continue;
                }

                if (demand.Split([opened[^1].Free]) is [var whole])
                {
                    taken.Add((opened[^1].Context, whole));
                    return taken;
                }
            }

            var gpus = opened.OrderByDescending(gpu => gpu.Free).ToArray();
            for (var count = 2; count <= gpus.Length; count++)
            {
                if (demand.Split([.. gpus.Take(count).Select(gpu => gpu.Free)]) is { } layers)
                {
                    taken.AddRange(gpus.Zip(layers, (gpu, share) => (gpu.Context, share)).Where(gpu => gpu.share > 0));
                    return taken;
                }
            }

            if (failures.Count == devices.Count)
            {
                throw failures[0].Error;
            }

            throw new InsufficientMemoryException(
                $"the model takes {Mebibytes(demand.Whole)} of a GPU's memory, {Mebibytes(demand.Layers.Max())} of them for each layer, but free are {string.Join(", ", [.. opened.Where(gpu => !failures.Exists(failed => failed.Device == gpu.Context.Device)).Select(gpu => $"{Mebibytes(gpu.Free)} on {Name(gpu.Context.Device)}"), .. failures.Select(failed => $"none on {Name(failed.Device)}: {failed.Error.Message}")])}");
        }
        finally
        {
            foreach (var (context, _) in opened)
            {
                if (!taken.Exists(gpu => gpu.Context == context))
                {
                    context.Dispose();
                }
            }
        }
    }

    private static string Name(CudaDeviceInfo device) => $"cuda:{device.Ordinal} ({device.Name})";

    private static string Mebibytes(long bytes) => FormattableString.Invariant($"{bytes / (double)(1 << 20):F1} MiB");
}
