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

    /// <summary>How often a test tries what it tries: many times, or a few where it would take too long: where threads are emulated.</summary>
    public static int Many(int many, int few) => Rig.IsGpu ? many : few;

    /// <summary>Whether other processes may take of its memory while a test runs.</summary>
    public static bool SharesMemory => true;

    /// <summary>Whether a head's rows of a draft vocabulary are rounded.</summary>
    public static bool RoundsDraftVocabulary => false;

    /// <summary>Whether sequences at once share passes.</summary>
    public static bool SharesPasses => true;

    /// <summary>Every key and value of a cache's first positions.</summary>
    public static List<float> Entries(IDeviceModel model, KvCache cache, int length)
    {
        var (entries, cuda) = (new List<float>(), (CudaModel)model);
        using var step = cuda.Enter();
        foreach (var page in Read<ulong>(cuda, ((CudaKvCache)cache).Table(), Geometry.Pages(length)))
        {
            // Keys and values of each layer's heads, 32 positions each.
            var positions = Math.Min(length, Geometry.PagePositions);
            length -= positions;
            var floats = Read<float>(cuda, page, cuda.Config.Layers * (int)cuda.Geometry.PageLayerBytes / sizeof(float));
            foreach (var rows in floats.Chunk(Geometry.PagePositions * cuda.Geometry.CachedHead))
            {
                entries.AddRange(rows.AsSpan(0, positions * cuda.Geometry.CachedHead));
            }
        }

        return entries;
    }

    private static unsafe T[] Read<T>(CudaModel model, ulong address, int count)
        where T : unmanaged
    {
        var values = new T[count];
        fixed (T* target = values)
        {
            model.Context.Read((nint)target, address, (long)count * sizeof(T));
            model.Context.Synchronize();
        }

        return values;
    }
}
