using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>Which matrices of a model are kept in which format.</summary>
internal sealed class WeightPlan
{
    /// <summary>From so many weights on, a matrix is one of a model that no cache holds.</summary>
    private const long StreamedWeights = 256 * 1024;

    /// <summary>From so many weights on, a model is one whose weights come from memory in every step: 64 MiB as bfloat16, 128 MiB as float32.</summary>
    private const long CompressedModelWeights = 32 * 1024 * 1024;

    private readonly WeightSource _source;
    private readonly WeightFormat _format;
    private readonly SimdPath _path;
    private readonly WeightFormat _plain;
    private readonly WeightCompression _compression;
    private readonly Dictionary<(WeightFormat Format, bool Streamed, bool Compressed), PanelKernel> _kernels = [];

    /// <param name="config">The model's shape.</param>
    /// <param name="source">Its weights.</param>
    /// <param name="format">What is asked for.</param>
    /// <param name="finer">What stays in the checkpoint's own precision.</param>
    /// <param name="path">Vector width of the kernels.</param>
    /// <param name="compression">Whether matrices of float32 and bfloat16 are compressed.</param>
    /// <exception cref="CheckpointException">A tensor is missing or has another shape than the configuration implies.</exception>
    public WeightPlan(ModelConfig config, WeightSource source, WeightFormat format, FinerWeights finer, SimdPath path, WeightCompression compression = WeightCompression.Auto)
    {
        (_source, _format, _path) = (source, format, path);
        _compression = compression == WeightCompression.Auto && WeightsOf(config) < CompressedModelWeights ? WeightCompression.Never : compression;

        // One matrix in another precision is enough for float32, which holds all of them exactly.
        _plain = LlamaMatrices.PlainTypes(config, source) is [] or [TensorDataType.BF16] ? WeightFormat.BF16 : WeightFormat.F32;
        Head = Of(LlamaMatrices.HeadFormat(config, format, finer), LlamaMatrices.Head(config));
        Embedding = config.TiedEmbeddings ? Head : OfRowsRead(LlamaMatrices.EmbeddingFormat(format, finer), LlamaMatrices.Embedding(config));
        Layers = [.. Enumerable.Range(0, config.Layers).Select(layer => Plan(LlamaMatrices.OfLayer(config, layer)))];
    }

    public PlannedMatrix Head { get; }

    /// <summary>The head's where they are tied.</summary>
    public PlannedMatrix Embedding { get; }

    public IReadOnlyList<PlannedLayer> Layers { get; }

    /// <summary>Whether a matrix is left uncompressed where that would hardly make it smaller.</summary>
    public bool CompressesWherePays => _compression == WeightCompression.Auto;

    /// <summary>The format of most weights.</summary>
    public WeightFormat Format => _format == WeightFormat.Auto ? Layers[0].Gate.Kernel.Format : _format;

    /// <summary>Every matrix once.</summary>
    public IEnumerable<PlannedMatrix> Matrices =>
        Layers.SelectMany(layer => (IEnumerable<PlannedMatrix>)[layer.Qkv, layer.Output, layer.Gate, layer.Up, layer.Down])
            .Concat(Embedding == Head ? [Head] : [Head, Embedding]);

    private static long WeightsOf(ModelConfig config) =>
        LlamaTensors.Of(config).Where(tensor => tensor.Role == TensorRole.Matrix).Sum(tensor => tensor.Shape[0] * tensor.Shape[1]);

    private PlannedLayer Plan(LayerMatrices layer) => new(
        layer.Prefix, Of(_format, layer.Qkv), Of(_format, layer.Output), Of(_format, layer.Gate), Of(_format, layer.Up), Of(_format, layer.Down));

    /// <summary>A matrix of which rows are read, and which is never multiplied with: it stays uncompressed.</summary>
    private PlannedMatrix OfRowsRead(WeightFormat format, MatrixPart part)
    {
        var plan = Of(format, part);
        return plan with { Kernel = plan.Kernel.Uncompressed };
    }

    private PlannedMatrix Of(WeightFormat format, params IReadOnlyList<MatrixPart> parts)
    {
        if (format == WeightFormat.Auto)
        {
            format = LlamaMatrices.QuantizedFormat(_source, parts) ?? _plain;
        }

        var streamed = parts.Sum(part => (long)part.Rows * part.Columns) >= StreamedWeights;
        var compressed = format is WeightFormat.F32 or WeightFormat.BF16
            && (_compression == WeightCompression.Auto ? streamed : _compression == WeightCompression.Always);
        if (!_kernels.TryGetValue((format, streamed, compressed), out var kernel))
        {
            _kernels[(format, streamed, compressed)] = kernel = compressed ? PanelKernel.CreateCompressed(format, _path) : PanelKernel.Create(format, _path, streamed);
        }

        return new(kernel, parts);
    }
}

/// <summary>The tensors of a matrix, one below the other, and the kernel that it is packed for.</summary>
internal sealed record PlannedMatrix(PanelKernel Kernel, IReadOnlyList<MatrixPart> Parts)
{
    public int Outputs => Parts.Sum(part => part.Rows);

    public int Inputs => Parts[0].Columns;

    /// <summary>Bytes of the packed matrix, before it is compressed.</summary>
    public long Bytes => WeightMatrix.BytesFor(Kernel.Uncompressed, Outputs, Inputs);

    /// <summary>The least that the packed matrix can take.</summary>
    public long LeastBytes => WeightMatrix.BytesFor(Kernel, Outputs, Inputs);

    /// <summary>The most that it can: compressed, weights of all magnitudes take a little more than before.</summary>
    public long MostBytes => Kernel is CompressedKernel compressed
        ? WeightMatrix.PanelsFor(Outputs) * compressed.PanelBytes(Inputs, Inputs / CompressedPanel.GroupInputs)
        : Bytes;

    public bool IsCompressed => Kernel is CompressedKernel;
}

/// <summary>The matrices of the layer whose tensors' names begin with <paramref name="Prefix"/>.</summary>
internal sealed record PlannedLayer(string Prefix, PlannedMatrix Qkv, PlannedMatrix Output, PlannedMatrix Gate, PlannedMatrix Up, PlannedMatrix Down);
