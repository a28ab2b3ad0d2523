using LayerSkip.Engine;
using LayerSkip.Engine.Cuda;
using LayerSkip.Engine.Cuda.Verification;

namespace LayerSkip.Cli.Measurement;

/// <summary>What a model's device can do at best: how fast it reads memory, and how fast it multiplies and adds.</summary>
/// <param name="model">On a GPU, copies within its memory are measured, and no arithmetic.</param>
/// <param name="threads">Threads to measure with where it is on the CPU.</param>
internal sealed class MachineLimits(LayerSkipModel model, int threads) : IDisposable
{
    private const int Repeats = 2;

    private readonly CudaModel? _gpu = model.Steps as CudaModel;
    private readonly ReadBandwidth? _memory = model.Steps is CudaModel ? null : new ReadBandwidth(ReadBandwidth.DefaultBytes, threads);

    /// <summary>Measures how fast the machine is at the moment: a host that others use too gives it more at one time than at another.</summary>
    /// <returns>Bytes a second, null where the GPU has no memory to spare for a measurement; operations a second, two for each multiply-add, null on a GPU.</returns>
    public (double? Bandwidth, double? Flops) Measure() =>
        _gpu is { } gpu ? (CopiesOf(gpu), null) : (Best(_memory!.Measure), Best(() => FmaPeak.Measure(threads)));

    public void Dispose() => _memory?.Dispose();

    /// <summary>The best of some measurements: other processes make single ones too low.</summary>
    private static double Best(Func<double> measure) => Enumerable.Range(0, Repeats).Max(_ => measure());

    private static double? CopiesOf(CudaModel model)
    {
        try
        {
            return Best(() => MemorySpeed.OfCopies(model.Context.Driver, model.Context.Device));
        }
        catch (InsufficientMemoryException)
        {
            return null; // The model has taken what there is.
        }
    }
}
