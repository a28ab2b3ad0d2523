using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>
/// The first layers once more, in few bits, for drafts: a row alone takes as long as its weights are read, which are a quarter or less of these. Used under the model's gate.
/// </summary>
/// <param name="exact">The model's layers.</param>
/// <param name="weights">The copy's format; not the exact one.</param>
/// <param name="path">Vector width of the kernels.</param>
/// <param name="threads">Threads to pack with.</param>
internal sealed unsafe class CoarseLayers(LayerSet exact, DraftWeights weights, SimdPath path, int threads) : IDisposable
{
    private readonly BlockKernel _kernel = KernelOf(weights == DraftWeights.Int8 ? WeightFormat.Int8 : WeightFormat.Int4, path);
    private readonly List<NativeBuffer> _memory = [];
    private LayerSet _layers = new([]);
    private bool _isFull;
    private long _bytes;

    /// <summary>Bytes of what has been made. Anybody may ask.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Whether weights in a format take so many bits that a row alone gains by a copy: the copy costs another run of the layers over all of a draft's rows.</summary>
    public static bool Suits(WeightFormat exact) => exact is WeightFormat.F32 or WeightFormat.BF16;

    /// <summary>Copies the first layers, so many of them, as far as there is memory: Linux would grant more, and end the process when it is touched.</summary>
    /// <param name="count">How many.</param>
    /// <param name="taken">Bytes of the model's weights by now, copies included.</param>
    public void Make(int count, long taken)
    {
        try
        {
            for (var before = Bytes; _layers.Layers.Length < count && !_isFull;)
            {
                // A copy takes less than what it is of.
                _isFull = taken + Bytes - before + exact.Layers[_layers.Layers.Length].Bytes > GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
                if (!_isFull)
                {
                    _layers = new([.. _layers.Layers, Round(exact.Layers[_layers.Layers.Length])]);
                }
            }
        }
        catch (Exception e) when (e is OutOfMemoryException or AggregateException { InnerException: OutOfMemoryException })
        {
            // Drafts can do without it.
            _isFull = true;
        }
    }

    /// <summary>The first layers, at least so many: the model's own where they have not been copied.</summary>
    public LayerSet First(int count) => _layers.Layers.Length < count ? exact : _layers;

    public void Dispose()
    {
        foreach (var buffer in _memory)
        {
            buffer.Dispose();
        }
    }

    private static BlockKernel KernelOf(WeightFormat format, SimdPath path) => PanelKernel.Create(format, DotPaths.Of(format, path));

    private CpuLayer Round(CpuLayer layer) => new()
    {
        AttentionNorm = layer.AttentionNorm,
        Qkv = Round(layer.Qkv),
        QkvBias = layer.QkvBias,
        Output = Round(layer.Output),
        OutputBias = layer.OutputBias,
        MlpNorm = layer.MlpNorm,
        Gate = Round(layer.Gate),
        GateBias = layer.GateBias,
        Up = Round(layer.Up),
        UpBias = layer.UpBias,
        Down = Round(layer.Down),
        DownBias = layer.DownBias,
    };

    private WeightMatrix Round(WeightMatrix matrix)
    {
        if (!Suits(matrix.Kernel.Format))
        {
            return matrix;
        }

        var memory = new NativeBuffer(WeightMatrix.BytesFor(_kernel, matrix.Outputs, matrix.Inputs));
        _memory.Add(memory);
        Interlocked.Add(ref _bytes, memory.Bytes);
        var rounded = new WeightMatrix(memory.Pointer, _kernel, matrix.Outputs, matrix.Inputs);
        rounded.Round(matrix, threads);
        return rounded;
    }
}
