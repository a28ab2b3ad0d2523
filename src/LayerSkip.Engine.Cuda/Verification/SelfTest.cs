using LayerSkip.Engine.Cuda.Driver;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>Whether a GPU computes what it must: each kernel at random shapes against double arithmetic or the engine itself, then whole models against the CPU device; and how fast its memory is.</summary>
internal sealed class SelfTest
{
    private const int Seed = 1;
    private readonly KernelLimits _limits;

    /// <param name="provider">Finds the GPU.</param>
    /// <param name="ordinal">Which; null: the first usable one.</param>
    /// <param name="limits">The largest sizes.</param>
    /// <exception cref="DeviceException">There is no such GPU.</exception>
    public SelfTest(CudaDeviceProvider provider, int? ordinal, KernelLimits limits)
    {
        (Driver, Device) = provider.Find(ordinal);
        _limits = limits;
    }

    public CudaDriver Driver { get; }

    public CudaDeviceInfo Device { get; }

    /// <summary>Whether the device was lost in <see cref="CheckKernels"/>: whatever else runs on it fails.</summary>
    public bool IsLost { get; private set; }

    /// <summary>Checks kernels one after the other; ends early where the device is lost.</summary>
    /// <param name="rounds">Random shapes of each kernel, format and head size.</param>
    /// <param name="families">Of <see cref="KernelCases.Families"/>.</param>
    /// <param name="cancellationToken">Ends it between two shapes.</param>
    /// <exception cref="CudaException">The device cannot be used at all.</exception>
    public IEnumerable<KernelFinding> CheckKernels(int rounds, IEnumerable<string> families, CancellationToken cancellationToken)
    {
        using var context = new CudaContext(Driver, Device);
        using var bench = new KernelBench(context);
        var cases = new KernelCases(_limits);
        foreach (var family in families)
        {
            var check = new KernelCheck(family);
            var random = new Random(Seed); // a kernel's shapes do not depend on which others there are
            for (var round = 0; round < rounds && !check.IsBroken; round++)
            {
                foreach (var @case in cases.Draw(family, random, largest: round == 0))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    check.Run(bench, @case);
                }
            }

            IsLost = context.IsLost;
            yield return check.Finding;
            if (IsLost)
            {
                yield break;
            }
        }
    }

    /// <summary>Compares random models with the CPU device, end to end.</summary>
    /// <param name="rounds">Models.</param>
    /// <param name="cancellationToken">Ends it between two models.</param>
    public IEnumerable<ModelFinding> CheckModels(int rounds, CancellationToken cancellationToken)
    {
        var random = new Random(Seed);
        for (var round = 0; round < rounds; round++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return ModelCheck.Run(Driver, Device, round, Math.Min(_limits.Width, ModelCheck.MostWidth), random);
        }
    }

    /// <summary>Measures the memory's speed; null: there is too little of it free.</summary>
    /// <exception cref="CudaException">The device cannot be used.</exception>
    public MemorySpeed? Measure()
    {
        try
        {
            return MemorySpeed.Of(Driver, Device, 2 * _limits.Width);
        }
        catch (InsufficientMemoryException)
        {
            return null;
        }
    }
}
