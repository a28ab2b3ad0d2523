using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Cuda;
using LayerSkip.Engine.Cuda.Tests;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Tests;

/// <summary>What the engine's tests of decoding, scheduling, sampling and caches run on here, where they are compiled once more: the CUDA device.</summary>
internal static class TestedDevice
{
    /// <summary>Loads a model.</summary>
    public static IDeviceModel Load(ModelConfig config, WeightSource weights, WeightFormat format, int threads, int[]? draftVocabulary)
    {
        var (driver, device) = Rig.Device;
        return CudaModel.Load(driver, [device], config, weights, format, draftVocabulary);
    }

    /// <summary>Loads a model there.</summary>
    public static ModelOptions Options(int threads) => new() { Device = "cuda", DeviceProviders = [Rig.Provider], Threads = threads };
}
