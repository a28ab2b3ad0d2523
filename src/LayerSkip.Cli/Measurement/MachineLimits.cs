using LayerSkip.Engine;
using LayerSkip.Engine.Cuda;
using LayerSkip.Engine.Cuda.Verification;

namespace LayerSkip.Cli.Measurement;

/// <summary>What a model's device can do at best: how fast it reads memory, and how fast it multiplies and adds.</summary>
/// <param name="model">On a GPU, copies within its memory are measured, and no arithmetic.</param>
/// <param name="threads">Threads to measure with where it is on the CPU.</param>
internal sealed class MachineLimits(LayerSkipModel model, int threads) : IDisposable
{
    private readonly CudaModel? _gpu = model.Steps as CudaModel;
    private readonly ReadBandwidth? _memory = model.Steps is CudaModel ? null : new ReadBandwidth(ReadBandwidth.DefaultBytes, threads);

    /// <summary>Bytes a second, the best of all measurements; null where the GPU has no memory to spare for one.</summary>
    public double? Bandwidth { get; private set; }

    /// <summary>Operations a second, two for each multiply-add, the best of all measurements; null on a GPU.</summary>
    public double? Flops { get; private set; }

    /// <summary>Measures once more.</summary>
    public void Measure()
    {
        if (_gpu is null)
        {
            Bandwidth = Math.Max(Bandwidth ?? 0, _memory!.Measure());
            Flops = Math.Max(Flops ?? 0, FmaPeak.Measure(threads));
            return;
        }

        try
        {
            Bandwidth = Math.Max(Bandwidth ?? 0, MemorySpeed.OfCopies(_gpu.Context.Driver, _gpu.Context.Device));
        }
        catch (InsufficientMemoryException)
        {
            // The model has taken what there is.
        }
    }

    public void Dispose() => _memory?.Dispose();
}
