using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>Which matrices of a model are kept in which format.</summary>
internal sealed class WeightPlan
{
    /// <summary>From so many weights on, a matrix is one of a model that no cache holds.</summary>
    private const long StreamedWeights = 256 * 1024;

    /// <summary>From so many weights on, a model is one whose weights come from memory in every step: 64 MiB as bfloat16.</summary>
    private const long CompressedModelWeights = 32 * 1024 * 1024;

    private readonly WeightSource _source;
    private readonly WeightFormat _format;
    private readonly SimdPath _path;
    private readonly WeightFormat _plain;
    private readonly WeightCompression _compression;
    private readonly Dictionary<(WeightFormat Format, bool Streamed), PanelKernel> _kernels = [];
    private readonly CompressedKernel _compressed;

    /// <param name="config">The model's shape.</param>
    /// <param name="source">Its weights.</param>
    /// <param name="format">What is asked for.</param>
    /// <param name="finer">What stays in the checkpoint's own precision.</param>
    /// <param name="path">Vector width of the kernels.</param>
    /// <param name="compression">Whether bfloat16 matrices are compressed.</param>
    /// <exception cref="CheckpointException">A tensor is missing or has another shape than the configuration implies.</exception>
    public WeightPlan(ModelConfig config, WeightSource source, WeightFormat format, FinerWeights finer, SimdPath path, WeightCompression compression = WeightCompression.Auto)
    {
        (_source, _format, _path) = (source, format, path);
        _compression = compression == WeightCompression.Auto && WeightsOf(config) < CompressedModelWeights ? WeightCompression.Never : compression;
        _compressed = PanelKernel.CreateCompressed(path);
        _plain = AllPlainMatricesAreBf16(config, source) ? WeightFormat.BF16 : WeightFormat.F32;
        Head = Of(
            Coarsest(finer.HasFlag(FinerWeights.Head) || (config.TiedEmbeddings && finer.HasFlag(FinerWeights.Embeddings))),
            new MatrixPart(config.TiedEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight", config.VocabularySize, config.HiddenSize));
        Embedding = config.TiedEmbeddings
            ? Head
            : OfRowsRead(Coarsest(finer.HasFlag(FinerWeights.Embeddings)), new MatrixPart("model.embed_tokens.weight", config.VocabularySize, config.HiddenSize));
        Layers = [.. Enumerable.Range(0, config.Layers).Select(layer => LayerOf(config, $"model.layers.{layer}."))];
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

    /// <summary>One matrix in another precision is enough for float32, which holds all of them exactly.</summary>
    private static bool AllPlainMatricesAreBf16(ModelConfig config, WeightSource source) =>
        LlamaTensors.Of(config)
            .Where(tensor => tensor.Role == TensorRole.Matrix)
            .Select(tensor => source.GetTensor(tensor.Name, tensor.Shape).DataType)
            .All(type => type == TensorDataType.BF16 || WeightBlocks.AreIn(type));

    /// <summary>What embeddings and head are kept as: a little finer than four bits, which cost them most.</summary>
    private WeightFormat Coarsest(bool finer) => finer ? WeightFormat.Auto : _format == WeightFormat.Int4 ? WeightFormat.Int8 : _format;

    private PlannedLayer LayerOf(ModelConfig config, string prefix)
    {
        var hidden = config.HiddenSize;
        var intermediate = config.IntermediateSize;
        var queries = config.AttentionHeads * config.HeadDimension;
        var keys = config.KeyValueHeads * config.HeadDimension;
        return new(
            prefix,
            Of(
                _format,
                new(prefix + "self_attn.q_proj.weight", queries, hidden),
                new(prefix + "self_attn.k_proj.weight", keys, hidden),
                new(prefix + "self_attn.v_proj.weight", keys, hidden)),
            Of(_format, new MatrixPart(prefix + "self_attn.o_proj.weight", hidden, queries)),
            Of(_format, new MatrixPart(prefix + "mlp.gate_proj.weight", intermediate, hidden)),
            Of(_format, new MatrixPart(prefix + "mlp.up_proj.weight", intermediate, hidden)),
            Of(_format, new MatrixPart(prefix + "mlp.down_proj.weight", hidden, intermediate)));
    }

    /// <summary>A matrix of which rows are read, and which is never multiplied with: it stays uncompressed.</summary>
    private PlannedMatrix OfRowsRead(WeightFormat format, MatrixPart part)
    {
        var plan = Of(format, part);
        return plan with { Kernel = plan.Kernel.Uncompressed };
    }

    private PlannedMatrix Of(WeightFormat format, params MatrixPart[] parts)
    {
        if (format == WeightFormat.Auto)
        {
            format = OwnFormat([.. parts.Select(part => _source.GetTensor(part.Name, part.Rows, part.Columns).DataType)]);
        }

        var streamed = parts.Sum(part => (long)part.Rows * part.Columns) >= StreamedWeights;
        if (format == WeightFormat.BF16 && (_compression == WeightCompression.Auto ? streamed : _compression == WeightCompression.Always))
        {
            return new(_compressed, parts);
        }

        if (!_kernels.TryGetValue((format, streamed), out var kernel))
        {
            _kernels[(format, streamed)] = kernel = PanelKernel.Create(format, _path, streamed);
        }

        return new(kernel, parts);
    }

    /// <summary>The format that holds tensors of these types exactly, or, where only some are quantised, with one rounding.</summary>
    private WeightFormat OwnFormat(TensorDataType[] parts) =>
        parts.All(type => type == TensorDataType.Int4) ? WeightFormat.Int4
        : parts.All(WeightBlocks.AreIn) ? WeightFormat.Int8
        : parts.Any(WeightBlocks.AreIn) ? WeightFormat.F32
        : _plain;
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
    public long MostBytes => IsCompressed
        ? WeightMatrix.PanelsFor(Outputs) * CompressedPanel.BytesFor(Inputs, Inputs / CompressedPanel.GroupInputs)
        : Bytes;

    public bool IsCompressed => Kernel is CompressedKernel;
}

/// <summary>A tensor [rows, columns].</summary>
internal sealed record MatrixPart(string Name, int Rows, int Columns);

/// <summary>The matrices of the layer whose tensors' names begin with <paramref name="Prefix"/>.</summary>
internal sealed record PlannedLayer(string Prefix, PlannedMatrix Qkv, PlannedMatrix Output, PlannedMatrix Gate, PlannedMatrix Up, PlannedMatrix Down);
