using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>A model's weights, packed for the CPU kernels: the matrices in one native allocation, the few vectors as arrays.</summary>
internal sealed unsafe class CpuWeights : IDisposable
{
    private readonly WeightArena _arena;
    private readonly PanelKernel _kernel;
    private readonly WeightSource _source;
    private readonly int _threads;

    private CpuWeights(
        ModelConfig config, WeightSource source, PanelKernel kernel, int threads, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        _source = source;
        _kernel = kernel;
        _threads = threads;
        _arena = new WeightArena(Fitting(Matrices(config).Sum(shape => WeightArena.Padded(WeightMatrix.BytesFor(kernel, shape.Outputs, shape.Inputs)))));
        try
        {
            Head = Matrix((config.TiedEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight", config.VocabularySize, config.HiddenSize));
            Embedding = config.TiedEmbeddings ? Head : Matrix(("model.embed_tokens.weight", config.VocabularySize, config.HiddenSize));
            FinalNorm = Vector("model.norm.weight", config.HiddenSize);
            Layers = new CpuLayer[config.Layers];
            for (var layer = 0; layer < Layers.Length; layer++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                Layers[layer] = Layer(config, $"model.layers.{layer}.");
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
    /// <exception cref="CheckpointException">A tensor is missing or has another shape than the configuration implies.</exception>
    /// <exception cref="OutOfMemoryException">The weights do not fit into memory.</exception>
    public static CpuWeights Load(
        ModelConfig config, WeightSource source, PanelKernel kernel, int threads, IProgress<double>? progress, CancellationToken cancellationToken) =>
        new(config, source, kernel, threads, progress, cancellationToken);

    public void Dispose() => _arena.Dispose();

    /// <summary>Refuses what the machine cannot hold: Linux would grant the memory, and end the process when it is touched.</summary>
    private static long Fitting(long bytes)
    {
        var available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        return bytes <= available
            ? bytes
            : throw new InsufficientMemoryException($"the weights take {bytes >> 20} MiB in memory, but this process may use {available >> 20} MiB");
    }

    /// <summary>The packed matrices' shapes, which say how large the arena must be.</summary>
    private static IEnumerable<(int Outputs, int Inputs)> Matrices(ModelConfig config)
    {
        var queries = config.AttentionHeads * config.HeadDimension;
        var keys = config.KeyValueHeads * config.HeadDimension;
        for (var i = 0; i < (config.TiedEmbeddings ? 1 : 2); i++)
        {
            yield return (config.VocabularySize, config.HiddenSize);
        }

        for (var layer = 0; layer < config.Layers; layer++)
        {
            yield return (queries + (2 * keys), config.HiddenSize);
            yield return (config.HiddenSize, queries);
            yield return (config.IntermediateSize, config.HiddenSize);
            yield return (config.IntermediateSize, config.HiddenSize);
            yield return (config.HiddenSize, config.IntermediateSize);
        }
    }

    private CpuLayer Layer(ModelConfig config, string prefix)
    {
        var hidden = config.HiddenSize;
        var intermediate = config.IntermediateSize;
        var queries = config.AttentionHeads * config.HeadDimension;
        var keys = config.KeyValueHeads * config.HeadDimension;
        string q = prefix + "self_attn.q_proj", k = prefix + "self_attn.k_proj", v = prefix + "self_attn.v_proj", o = prefix + "self_attn.o_proj";
        string gate = prefix + "mlp.gate_proj", up = prefix + "mlp.up_proj", down = prefix + "mlp.down_proj";
        return new CpuLayer
        {
            AttentionNorm = Vector(prefix + "input_layernorm.weight", hidden),
            Qkv = Matrix((q + ".weight", queries, hidden), (k + ".weight", keys, hidden), (v + ".weight", keys, hidden)),
            QkvBias = config.AttentionBias ? [.. Vector(q + ".bias", queries), .. Vector(k + ".bias", keys), .. Vector(v + ".bias", keys)] : null,
            Output = Matrix((o + ".weight", hidden, queries)),
            OutputBias = config.AttentionBias ? Vector(o + ".bias", hidden) : null,
            MlpNorm = Vector(prefix + "post_attention_layernorm.weight", hidden),
            Gate = Matrix((gate + ".weight", intermediate, hidden)),
            GateBias = config.MlpBias ? Vector(gate + ".bias", intermediate) : null,
            Up = Matrix((up + ".weight", intermediate, hidden)),
            UpBias = config.MlpBias ? Vector(up + ".bias", intermediate) : null,
            Down = Matrix((down + ".weight", hidden, intermediate)),
            DownBias = config.MlpBias ? Vector(down + ".bias", hidden) : null,
        };
    }

    /// <summary>Packs tensors of equal width one below the other.</summary>
    private WeightMatrix Matrix(params ReadOnlySpan<(string Name, int Rows, int Columns)> parts)
    {
        var outputs = 0;
        foreach (var part in parts)
        {
            outputs += part.Rows;
        }

        var inputs = parts[0].Columns;
        var matrix = new WeightMatrix(_arena.Take(WeightMatrix.BytesFor(_kernel, outputs, inputs)), _kernel, outputs, inputs);
        var first = 0;
        foreach (var (name, rows, columns) in parts)
        {
            matrix.Fill(_source.GetTensor(name, rows, columns), first, _threads);
            first += rows;
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
