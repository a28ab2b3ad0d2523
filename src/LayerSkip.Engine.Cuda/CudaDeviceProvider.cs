using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Cuda.Driver;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Cuda;

/// <summary>NVIDIA GPUs of compute capability 8.0 and above, through their driver; nothing else need be installed.</summary>
public sealed class CudaDeviceProvider : DeviceProvider
{
    /// <summary>The environment variable that says where the driver's library is, where the system's loader does not find it.</summary>
    public const string LibraryVariable = "LAYERSKIP_CUDA_DRIVER";

    private readonly Lock _lock = new();
    private readonly string? _library;
    private CudaDriver? _driver;

    /// <summary>Looks for the driver's library when it is first needed.</summary>
    /// <param name="library">The library's file; null: what <see cref="LibraryVariable"/> says, else <c>libcuda.so.1</c> or <c>nvcuda.dll</c>, where the system's loader finds it.</param>
    public CudaDeviceProvider(string? library = null)
        : base("cuda") =>
        _library = library ?? (Environment.GetEnvironmentVariable(LibraryVariable) is { Length: > 0 } variable ? variable : null);

    /// <inheritdoc/>
    public override DeviceSurvey Survey()
    {
        if (!TryDriver(out var reason))
        {
            return new([], reason);
        }

        try
        {
            var devices = _driver!.Devices();
            return new(
                [.. devices.Select(device => new DeviceDescription
                {
                    Id = $"{Kind}:{device.Ordinal}",
                    Name = device.Name,
                    MemoryBytes = device.MemoryBytes,
                    Architecture = $"compute capability {device.ComputeCapability}",
                    Driver = $"CUDA {_driver.VersionText}",
                    Unusable = device.Unusable,
                })],
                devices.Any(static device => device.Unusable is null) ? null : ReasonFor(devices));
        }
        catch (CudaException e)
        {
            return new([], e.Message);
        }
    }

    internal override IDeviceModel Load(
        int? ordinal,
        ModelConfig config,
        WeightSource weights,
        WeightFormat format,
        FinerWeights finer,
        IReadOnlyList<int> draftVocabulary,
        IProgress<double>? progress,
        CancellationToken cancellationToken)
    {
        var (driver, devices) = FindAll(ordinal);
        return CudaModel.Load(driver, devices, config, weights, format, draftVocabulary, finer, progress, cancellationToken);
    }

    /// <summary>The device asked for, or the first that can run models.</summary>
    /// <exception cref="DeviceException">There is none, or it is not the one asked for.</exception>
    internal (CudaDriver Driver, CudaDeviceInfo Device) Find(int? ordinal)
    {
        var (driver, devices) = FindAll(ordinal);
        return (driver, devices[0]);
    }

    /// <summary>The device asked for, or all that can run models.</summary>
    /// <exception cref="DeviceException">There is none, or it is not the one asked for.</exception>
    private (CudaDriver Driver, IReadOnlyList<CudaDeviceInfo> Devices) FindAll(int? ordinal)
    {
        if (!TryDriver(out var reason))
        {
            throw new DeviceException($"no CUDA device: {reason}");
        }

        var devices = _driver!.Devices();
        if (ordinal is null)
        {
            CudaDeviceInfo[] usable = [.. devices.Where(static device => device.Unusable is null)];
            return usable.Length > 0 ? (_driver, usable) : throw new DeviceException(ReasonFor(devices));
        }

        if (ordinal >= devices.Count)
        {
            throw new DeviceException($"there is no device {Kind}:{ordinal}: the driver finds {devices.Count}");
        }

        var device = devices[ordinal.Value];
        return device.Unusable is { } unusable ? throw new DeviceException($"{Kind}:{ordinal} cannot run models: {unusable}") : (_driver, [device]);
    }

    private static string ReasonFor(IReadOnlyList<CudaDeviceInfo> devices) => devices.Count == 0
        ? "no CUDA device: the driver finds none"
        : $"no CUDA device can run models: {string.Join("; ", devices.Select(static device => device.Unusable))}";

    /// <summary>A driver that was absent is looked for again: it may have been installed meanwhile.</summary>
    private bool TryDriver(out string? reason)
    {
        lock (_lock)
        {
            reason = null;
            return _driver is not null || CudaDriver.TryLoad(_library, out _driver, out reason);
        }
    }
}
