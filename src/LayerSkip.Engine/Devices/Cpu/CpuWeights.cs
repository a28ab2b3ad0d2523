using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>A model's weights, packed for the CPU kernels: the matrices in one native allocation, the few vectors as arrays.</summary>
internal sealed unsafe class CpuWeights : IDisposable
{
    private readonly WeightArena _arena;
    private readonly WeightSource _source;
    private readonly int _threads;

    private CpuWeights(
        ModelConfig config, WeightSource source, WeightPlan plan, int threads, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        _source = source;
        _threads = threads;
        _arena = new WeightArena(Fitting(plan.Matrices.Sum(matrix => WeightArena.Padded(matrix.Bytes))));
        try
        {
            Head = Matrix(plan.Head);
            Embedding = config.TiedEmbeddings ? Head : Matrix(plan.Embedding);
            FinalNorm = Vector("model.norm.weight", config.HiddenSize);
            Layers = new CpuLayer[config.Layers];
            for (var layer = 0; layer < Layers.Length; layer++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                Layers[layer] = Layer(config, plan.Layers[layer]);
                progress?.Report((layer + 1.0) / Layers.Length);
            }
        }
        catch
        {
            _arena.Dispose();
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
    public long Bytes => _arena.Bytes;

    /// <summary>Reads and packs all weights.</summary>
    /// <exception cref="CheckpointException">A tensor is missing, has another shape than the configuration implies, or does not fit its format.</exception>
    /// <exception cref="OutOfMemoryException">The weights do not fit into memory.</exception>
    public static CpuWeights Load(
        ModelConfig config, WeightSource source, WeightPlan plan, int threads, IProgress<double>? progress, CancellationToken cancellationToken) =>
        new(config, source, plan, threads, progress, cancellationToken);

    public void Dispose() => _arena.Dispose();

    /// <summary>Refuses what the machine cannot hold: Linux would grant the memory, and end the process when it is touched.</summary>
    private static long Fitting(long bytes)
    {
        var available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        return bytes <= available
            ? bytes
            : throw new InsufficientMemoryException($"the weights take {bytes >> 20} MiB in memory, but this process may use {available >> 20} MiB");
    }

    private CpuLayer Layer(ModelConfig config, PlannedLayer plan)
    {
        var hidden = config.HiddenSize;
        var intermediate = config.IntermediateSize;
        var queries = config.AttentionHeads * config.HeadDimension;
        var keys = config.KeyValueHeads * config.HeadDimension;
        string attention = plan.Prefix + "self_attn.", mlp = plan.Prefix + "mlp.";
        return new CpuLayer
        {
            AttentionNorm = Vector(plan.Prefix + "input_layernorm.weight", hidden),
            Qkv = Matrix(plan.Qkv),
            QkvBias = config.AttentionBias
                ? [.. Vector(attention + "q_proj.bias", queries), .. Vector(attention + "k_proj.bias", keys), .. Vector(attention + "v_proj.bias", keys)]
                : null,
            Output = Matrix(plan.Output),
            OutputBias = config.AttentionBias ? Vector(attention + "o_proj.bias", hidden) : null,
            MlpNorm = Vector(plan.Prefix + "post_attention_layernorm.weight", hidden),
            Gate = Matrix(plan.Gate),
            GateBias = config.MlpBias ? Vector(mlp + "gate_proj.bias", intermediate) : null,
            Up = Matrix(plan.Up),
            UpBias = config.MlpBias ? Vector(mlp + "up_proj.bias", intermediate) : null,
            Down = Matrix(plan.Down),
            DownBias = config.MlpBias ? Vector(mlp + "down_proj.bias", hidden) : null,
        };
    }

    /// <summary>Packs tensors of equal width one below the other.</summary>
    private WeightMatrix Matrix(PlannedMatrix plan)
    {
        var matrix = new WeightMatrix(_arena.Take(plan.Bytes), plan.Kernel, plan.Outputs, plan.Inputs);
        var first = 0;
        foreach (var part in plan.Parts)
        {
            matrix.Fill(_source.GetTensor(part.Name, part.Rows, part.Columns), first, _threads);
            first += part.Rows;
        }

        return matrix;
    }

    private float[] Vector(string name, int length)
    {
        var vector = new float[length];
        _source.GetTensor(name, length).ReadRow(0, vector);
        return vector;
    }
}
