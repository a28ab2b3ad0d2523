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

    /// <summary>How often a test tries what it tries: many times, or a few where it would take too long.</summary>
    public static int Many(int many, int few) => many;

    /// <summary>Whether other processes may take of its memory while a test runs.</summary>
    public static bool SharesMemory => false;

    /// <summary>Whether a head's rows of a draft vocabulary are rounded.</summary>
    public static bool RoundsDraftVocabulary => true;

    /// <summary>Whether sequences at once share passes.</summary>
    public static bool SharesPasses => true;

    /// <summary>Every key and value of a cache's first positions.</summary>
    public static unsafe List<float> Entries(IDeviceModel model, KvCache cache, int length)
    {
        var (entries, blocks, config) = (new List<float>(), (CpuKvCache)cache, model.Config);
        for (var layer = 0; layer < config.Layers; layer++)
        {
            for (var head = 0; head < config.KeyValueHeads; head++)
            {
                for (var position = 0; position < length; position++)
                {
                    var (block, slot) = Math.DivRem(position, 32);
                    for (var d = 0; d < config.HeadDimension; d++)
                    {
                        entries.Add(blocks.Keys(block, layer, head)[(d * 32) + slot]);
                        entries.Add(blocks.Values(block, layer, head)[(slot * blocks.PaddedDimension) + d]);
                    }
                }
            }
        }

        return entries;
    }
}
