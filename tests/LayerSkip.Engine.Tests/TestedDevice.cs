using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Devices.Cpu;

namespace LayerSkip.Engine.Tests;

/// <summary>What decoding, scheduling, sampling and caches are tested on: the CPU here. The CUDA device's tests compile these tests, too, with a class of their own in place of this one.</summary>
internal static class TestedDevice
{
    /// <summary>Loads a model.</summary>
    public static IDeviceModel Load(ModelConfig config, WeightSource weights, WeightFormat format, int threads, int[]? draftVocabulary) =>
        CpuModel.Load(config, weights, format, threads, SimdPaths.Choose(), draftVocabulary);

    /// <summary>Loads a model there.</summary>
    public static ModelOptions Options(int threads) => new() { Threads = threads };
}
