using LayerSkip.Engine.Cuda.Driver;

namespace LayerSkip.Engine.Cuda.Tests;

/// <summary>Several emulated GPUs of small memory, until it is disposed.</summary>
internal sealed class Gpus : IDisposable
{
    private readonly int _count;

    /// <param name="memory">Bytes of each; 0: plenty.</param>
    public Gpus(params ReadOnlySpan<long> memory)
    {
        _count = memory.Length;
        (Driver, _) = Rig.Device;
        Rig.Controls.Devices(_count);
        for (var device = 0; device < _count; device++)
        {
            Rig.Controls.Memory(device, memory[device]);
        }

        Devices = Driver.Devices();
    }

    public CudaDriver Driver { get; }

    public IReadOnlyList<CudaDeviceInfo> Devices { get; }

    public void Dispose()
    {
        for (var device = 0; device < _count; device++)
        {
            Rig.Controls.Memory(device, 0);
        }

        Rig.Controls.Devices(1);
    }
}
