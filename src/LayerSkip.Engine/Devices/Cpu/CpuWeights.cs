using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>A model's weights, packed for the CPU kernels: the matrices in native memory, the few vectors as arrays.</summary>
internal sealed class CpuWeights : IDisposable
{
    private readonly MatrixStore _matrices;
    private readonly WeightSource _source;

    private CpuWeights(
        ModelConfig config, WeightSource source, WeightPlan plan, int threads, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        _source = source;
        _matrices = new MatrixStore(source, plan, threads);
        try
        {
            using var uncompressed = new NativeBuffer(MatrixStore.UncompressedBytes(plan));
            Head = _matrices.Load(plan.Head, uncompressed);
            Embedding = config.TiedEmbeddings ? Head : _matrices.Load(plan.Embedding, uncompressed);
            FinalNorm = Vector("model.norm.weight", config.HiddenSize);
            Layers = new CpuLayer[config.Layers];
            for (var layer = 0; layer < Layers.Length; layer++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                Layers[layer] = Layer(config, plan.Layers[layer], uncompressed);
                progress?.Report((layer + 1.0) / Layers.Length);
            }
        }
        catch
        {
            _matrices.Dispose();
            throw;
        }
    }

    /// <summary>[vocabulary, hidden]; the head itself where embeddings are tied.</summary>
    public WeightMatrix Embedding { get; }

    /// <summary>[vocabulary, hidden]</summary>
    public WeightMatrix Head { get; }

    /// <summary>[hidden]: shared by all exits.</summary>
    public float[] FinalNorm { get; }

    public CpuLayer[] Layers { get; }

    /// <summary>Bytes of all matrices.</summary>
    public long Bytes => _matrices.Bytes;

    /// <summary>Reads and packs all weights.</summary>
    /// <exception cref="CheckpointException">A tensor is missing, has another shape than the configuration implies, or does not fit its format.</exception>
    /// <exception cref="OutOfMemoryException">The weights do not fit into memory.</exception>
    public static CpuWeights Load(
        ModelConfig config, WeightSource source, WeightPlan plan, int threads, IProgress<double>? progress, CancellationToken cancellationToken) =>
        new(config, source, plan, threads, progress, cancellationToken);

    public void Dispose() => _matrices.Dispose();

    private CpuLayer Layer(ModelConfig config, PlannedLayer plan, NativeBuffer uncompressed)
    {
        var hidden = config.HiddenSize;
        return new CpuLayer
        {
            AttentionNorm = Vector(plan.Prefix + "input_layernorm.weight", hidden),
            Qkv = _matrices.Load(plan.Qkv, uncompressed),
            QkvBias = Bias(plan.Qkv, config.AttentionBias),
            Output = _matrices.Load(plan.Output, uncompressed),
            OutputBias = Bias(plan.Output, config.AttentionBias),
            MlpNorm = Vector(plan.Prefix + "post_attention_layernorm.weight", hidden),
            Gate = _matrices.Load(plan.Gate, uncompressed),
            GateBias = Bias(plan.Gate, config.MlpBias),
            Up = _matrices.Load(plan.Up, uncompressed),
            UpBias = Bias(plan.Up, config.MlpBias),
            Down = _matrices.Load(plan.Down, uncompressed),
            DownBias = Bias(plan.Down, config.MlpBias),
        };
    }

    private float[]? Bias(PlannedMatrix plan, bool isThere) => isThere ? [.. plan.Parts.SelectMany(part => Vector(part.Bias, part.Rows))] : null;

    private float[] Vector(string name, int length)
    {
        var vector = new float[length];
        _source.GetTensor(name, length).ReadRow(0, vector);
        return vector;
    }
}
