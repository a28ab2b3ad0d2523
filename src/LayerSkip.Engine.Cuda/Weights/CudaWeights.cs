using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Cuda.Driver;

namespace LayerSkip.Engine.Cuda.Weights;

/// <summary>A model's weights in device memory.</summary>
/// <remarks>They belong to the context, which frees them.</remarks>
internal sealed class CudaWeights
{
    private const int StagingBytes = 16 << 20;

    private readonly CudaContext _context;
    private readonly WeightSource _source;
    private readonly MatrixFormat _format;
    private readonly byte[] _staging = new byte[StagingBytes];

    private CudaWeights(
        CudaContext context, ModelConfig config, WeightSource source, MatrixFormat format, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        _context = context;
        _source = source;
        _format = format;
        var heldBefore = context.HeldBytes;
        Head = Matrix((config.TiedEmbeddings ? "model.embed_tokens" : "lm_head", config.VocabularySize, config.HiddenSize));
        Embedding = config.TiedEmbeddings ? Head : Matrix(("model.embed_tokens", config.VocabularySize, config.HiddenSize));
        FinalNorm = Gain("model.norm.weight", config.HiddenSize);
        Layers = new DeviceLayer[config.Layers];
        for (var layer = 0; layer < Layers.Length; layer++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Layers[layer] = Layer(config, $"model.layers.{layer}.");
            progress?.Report((layer + 1.0) / Layers.Length);
        }

        context.Synchronize();
        Bytes = context.HeldBytes - heldBefore;
    }

    /// <summary>[vocabulary, hidden]; the head itself where embeddings are tied.</summary>
    public DeviceMatrix Embedding { get; }

    /// <summary>[vocabulary, hidden]</summary>
    public DeviceMatrix Head { get; }

    /// <summary>Gain, [hidden]: shared by all exits.</summary>
    public ulong FinalNorm { get; }

    public DeviceLayer[] Layers { get; }

    /// <summary>Bytes they take.</summary>
    public long Bytes { get; }

    /// <summary>Reads all weights and copies them to the device.</summary>
    /// <exception cref="CheckpointException">A tensor is missing or has another shape than the configuration implies.</exception>
    /// <exception cref="InsufficientMemoryException">They do not fit into the device's memory.</exception>
    public static CudaWeights Load(
        CudaContext context, ModelConfig config, WeightSource source, MatrixFormat format, IProgress<double>? progress, CancellationToken cancellationToken) =>
        new(context, config, source, format, progress, cancellationToken);

    /// <summary>Bytes that a model's matrices take.</summary>
    public static long BytesFor(ModelConfig config, MatrixFormat format)
    {
        var bytes = 0L;
        foreach (var tensor in LlamaTensors.Of(config))
        {
            bytes += tensor.Role == TensorRole.Matrix
                ? DeviceMatrix.BytesFor(format, (int)tensor.Shape[0], (int)tensor.Shape[1])
                : Geometry.Padded((int)tensor.Shape[0]) * sizeof(float);
        }

        return bytes;
    }

    private DeviceLayer Layer(ModelConfig config, string prefix)
    {
        var hidden = config.HiddenSize;
        var intermediate = config.IntermediateSize;
        var queries = config.AttentionHeads * config.HeadDimension;
        var keys = config.KeyValueHeads * config.HeadDimension;
        string attention = prefix + "self_attn.", mlp = prefix + "mlp.";
        return new DeviceLayer(
            Gain(prefix + "input_layernorm.weight", hidden),
            Matrix(config.AttentionBias, (attention + "q_proj", queries, hidden), (attention + "k_proj", keys, hidden), (attention + "v_proj", keys, hidden)),
            Matrix(config.AttentionBias, (attention + "o_proj", hidden, queries)),
            Gain(prefix + "post_attention_layernorm.weight", hidden),
            Matrix(config.MlpBias, (mlp + "gate_proj", intermediate, hidden)),
            Matrix(config.MlpBias, (mlp + "up_proj", intermediate, hidden)),
            Matrix(config.MlpBias, (mlp + "down_proj", hidden, intermediate)));
    }

    private DeviceMatrix Matrix((string Name, int Rows, int Columns) part) => Matrix(bias: false, part);

    /// <summary>Tensors of equal width, one below the other, and their biases one behind the other.</summary>
    private DeviceMatrix Matrix(bool bias, params ReadOnlySpan<(string Name, int Rows, int Columns)> parts)
    {
        var outputs = 0;
        foreach (var part in parts)
        {
            outputs += part.Rows;
        }

        var inputs = parts[0].Columns;
        var address = _context.Allocate(DeviceMatrix.BytesFor(_format, outputs, inputs));
        var biases = bias ? new float[outputs] : [];
        var first = 0;
        foreach (var (name, rows, columns) in parts)
        {
            Fill(address + (ulong)((long)first * _format.RowBytes(inputs)), _source.GetTensor(name + ".weight", rows, columns));
            if (bias)
            {
                _source.GetTensor(name + ".bias", rows).ReadRow(0, biases.AsSpan(first, rows));
            }

            first += rows;
        }

        return new DeviceMatrix(_format, address, 0, outputs, inputs, bias ? Vector(biases, outputs) : 0);
    }

    /// <summary>Copies a tensor's rows, a piece at a time.</summary>
    private void Fill(ulong destination, WeightTensor tensor)
    {
        var rowBytes = _format.RowBytes(tensor.Columns);
        var piece = Math.Clamp(StagingBytes / rowBytes, 1, tensor.Rows);
        var staging = (long)piece * rowBytes <= StagingBytes ? _staging : new byte[(long)piece * rowBytes];
        for (var first = 0; first < tensor.Rows; first += piece)
        {
            var count = Math.Min(piece, tensor.Rows - first);
            var start = first;
            Array.Clear(staging, 0, count * rowBytes);
            Parallel.For(
                0,
                count,
                () => new float[tensor.Columns],
                (row, _, values) =>
                {
                    tensor.ReadRow(start + row, values);
                    RowPacking.Pack(_format, values, staging.AsSpan(row * rowBytes, rowBytes));
                    return values;
                },
                _ => { });
            _context.Write<byte>(destination + ((ulong)first * (ulong)rowBytes), staging.AsSpan(0, count * rowBytes));
            _context.Synchronize();
        }
    }

    private ulong Gain(string name, int length)
    {
        var vector = new float[length];
        _source.GetTensor(name, length).ReadRow(0, vector);
        return Vector(vector, Geometry.Padded(length));
    }

    private ulong Vector(float[] values, int floats)
    {
        var address = _context.Allocate((long)floats * sizeof(float));
        _context.Write<float>(address, values);
        return address;
    }
}
