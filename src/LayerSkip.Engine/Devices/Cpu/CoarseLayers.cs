using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>The first layers once more, in fewer bits, for drafts: a row alone takes as long as its weights are read. Used under the model's gate.</summary>
/// <param name="exact">The model's layers.</param>
/// <param name="weights">The copy's format; not the exact one.</param>
/// <param name="path">Vector width of the kernels.</param>
/// <param name="threads">Threads to pack with.</param>
internal sealed unsafe class CoarseLayers(LayerSet exact, DraftWeights weights, SimdPath path, int threads) : IDisposable
{
    private readonly BlockKernel _kernel = KernelOf(weights == DraftWeights.Int8 ? WeightFormat.Int8 : WeightFormat.Int4, path);
    private readonly List<NativeBuffer> _memory = [];
    private LayerSet _layers = new([]);
    private int _refused = int.MaxValue; // so many layers, or more, cannot be copied
    private long _bytes;

    /// <summary>Bytes of what has been made. Anybody may ask.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Whether weights in a format take so many bits that a row alone gains by a copy: the copy costs another run of the layers over all of a draft's rows.</summary>
    public static bool Suits(WeightFormat exact) => exact is WeightFormat.F32 or WeightFormat.BF16;

    /// <summary>Copies the first layers, so many of them, or none where there is no memory for all: Linux would grant more, and end the process when it is touched.</summary>
    /// <param name="count">How many.</param>
    /// <param name="taken">Bytes that the model takes besides.</param>
    /// <param name="cancellationToken">Looked at before each of them.</param>
    /// <returns>Whether they are there now.</returns>
    public bool Make(int count, long taken, CancellationToken cancellationToken)
    {
        if (count >= _refused)
        {
            return false;
        }

        var missing = exact.Layers.AsSpan(_layers.Layers.Length..count);
        var needed = 0L;
        foreach (var layer in missing)
        {
            needed += BytesOf(layer.Qkv) + BytesOf(layer.Output) + BytesOf(layer.Gate) + BytesOf(layer.Up) + BytesOf(layer.Down);
        }

        if (taken + Bytes + needed > GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)
        {
            _refused = count;
            return false;
        }

        foreach (var layer in missing)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!TryAdd(layer))
            {
                _refused = count;
                return false;
            }
        }

        return true;
    }

    /// <summary>The layers that have been copied.</summary>
    public LayerSet Layers => _layers;

    public void Dispose()
    {
        foreach (var buffer in _memory)
        {
            buffer.Dispose();
        }
    }

    private static BlockKernel KernelOf(WeightFormat format, SimdPath path) => PanelKernel.Create(format, DotPaths.Of(format, path));

    /// <summary>Copies a layer, or nothing of it.</summary>
    private bool TryAdd(CpuLayer layer)
    {
        var memory = new List<NativeBuffer>();
        try
        {
            _layers = new([.. _layers.Layers, Round(layer, memory)]);
        }
        catch (Exception e)
        {
            memory.ForEach(static buffer => buffer.Dispose());
            if (e is OutOfMemoryException or AggregateException { InnerException: OutOfMemoryException })
            {
                // Drafts can do without it.
                return false;
            }

            throw;
        }

        _memory.AddRange(memory);
        Interlocked.Add(ref _bytes, memory.Sum(static buffer => buffer.Bytes));
        return true;
    }

    private CpuLayer Round(CpuLayer layer, List<NativeBuffer> made) => new()
    {
        AttentionNorm = layer.AttentionNorm,
        Qkv = Round(layer.Qkv, made),
        QkvBias = layer.QkvBias,
        Output = Round(layer.Output, made),
        OutputBias = layer.OutputBias,
        MlpNorm = layer.MlpNorm,
        Gate = Round(layer.Gate, made),
        GateBias = layer.GateBias,
        Up = Round(layer.Up, made),
        UpBias = layer.UpBias,
        Down = Round(layer.Down, made),
        DownBias = layer.DownBias,
    };

    /// <summary>What a matrix's copy takes: nothing where it has so few bits that it stands for itself.</summary>
    private long BytesOf(WeightMatrix matrix) => Suits(matrix.Kernel.Format) ? WeightMatrix.BytesFor(_kernel, matrix.Outputs, matrix.Inputs) : 0;

    private WeightMatrix Round(WeightMatrix matrix, List<NativeBuffer> made)
    {
        if (BytesOf(matrix) is not (> 0 and var bytes))
        {
            return matrix;
        }

        var memory = new NativeBuffer(bytes);
        made.Add(memory);
        var rounded = new WeightMatrix(memory.Pointer, _kernel, matrix.Outputs, matrix.Inputs);
        rounded.Round(matrix, threads);
        return rounded;
    }
}
