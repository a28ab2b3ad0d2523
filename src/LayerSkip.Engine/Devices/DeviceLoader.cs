using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices.Cpu;

namespace LayerSkip.Engine.Devices;

/// <summary>Puts a model's weights onto the device that its options name.</summary>
internal static class DeviceLoader
{
    private const int MaxThreads = 1024;

    /// <returns>The model, and why it runs on the CPU where <c>auto</c> would have preferred another device.</returns>
    /// <exception cref="ArgumentException">The device is unknown.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The thread count, the format or the compression is out of range.</exception>
    /// <exception cref="DeviceException">The device that was asked for is not there, or cannot run the model.</exception>
    /// <exception cref="OutOfMemoryException">The weights do not fit into its memory.</exception>
    public static (IDeviceModel Model, string? Fallback) Load(
        ModelConfig config,
        WeightSource weights,
        GenerationDefaults defaults,
        ModelOptions options,
        IProgress<double>? progress,
        CancellationToken cancellationToken)
    {
        var providers = options.DeviceProviders;
        var name = DeviceName.Parse(options.Device, providers)
            ?? throw new ArgumentException($"Device is '{options.Device}', expected one of {DeviceName.Expected(providers)}.", nameof(options));
        if (options.Threads is < 1 or > MaxThreads)
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.Threads, $"Threads must lie in 1..{MaxThreads}.");
        }

        if (!Enum.IsDefined(options.WeightFormat))
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.WeightFormat, "WeightFormat is no weight format.");
        }

        if ((options.Finer & ~(FinerWeights.Embeddings | FinerWeights.Head)) != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.Finer, "Finer names unknown weights.");
        }

        if (!Enum.IsDefined(options.Compression))
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.Compression, "Compression is no way to compress weights.");
        }

        var reasons = new List<string>();
        if (name.Kind == DeviceName.Auto)
        {
            foreach (var provider in providers)
            {
                try
                {
                    return (LoadOnto(provider, null), null);
                }
                catch (Exception e) when (e is DeviceException or OutOfMemoryException)
                {
                    reasons.Add($"{provider.Kind}: {e.Message}");
                }
            }
        }
        else if (name.Kind != DeviceName.Cpu)
        {
            return (LoadOnto(providers.First(provider => provider.Kind == name.Kind), name.Ordinal), null);
        }

        var threads = options.Threads ?? Environment.ProcessorCount;
        var model = CpuModel.Load(
            config, weights, options.WeightFormat, threads, SimdPaths.Choose(), defaults.DraftVocabulary, options.Finer, options.Compression, progress,
            cancellationToken);
        return (model, reasons.Count > 0 ? string.Join("; ", reasons) : null);

        IDeviceModel LoadOnto(DeviceProvider provider, int? ordinal) =>
            provider.Load(ordinal, config, weights, options.WeightFormat, options.Finer, defaults.DraftVocabulary, progress, cancellationToken);
    }
}
