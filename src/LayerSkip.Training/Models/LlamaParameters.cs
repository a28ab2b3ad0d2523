using System.Globalization;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Training.Numerics;

namespace LayerSkip.Training.Models;

/// <summary>
/// All numbers of a model in one flat buffer, in the order in which a forward pass meets them: the weights, their gradients, or an
/// optimizer's moments. q, k and v projections follow one another, and so do gate and up: together they are one matrix.
/// </summary>
internal sealed unsafe class LlamaParameters : IDisposable
{
    private readonly ModelConfig _config;
    private readonly NativeBuffer _memory;
    private readonly Dictionary<string, ParameterTensor> _byName;

    /// <summary>All zero.</summary>
    public LlamaParameters(ModelConfig config)
    {
        _config = config;
        var tensors = new List<ParameterTensor>();
        foreach (var tensor in LlamaTensors.Of(config))
        {
            var rows = tensor.Shape.Length == 1 ? 1 : checked((int)tensor.Shape[0]);
            tensors.Add(new(tensor.Name, Count, rows, checked((int)tensor.Shape[^1]), tensor.Role == TensorRole.Norm, LayerOf(tensor.Name)));
            Count += tensors[^1].Count;
        }

        Tensors = tensors;
        _byName = tensors.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        _memory = new NativeBuffer(checked(Count * sizeof(float)));
        Embedding = View("model.embed_tokens.weight");
        FinalNorm = View("model.norm.weight");
        Head = config.TiedEmbeddings ? Embedding : View("lm_head.weight");
    }

    /// <summary>The tensors in order.</summary>
    public IReadOnlyList<ParameterTensor> Tensors { get; }

    /// <summary>Numbers in all.</summary>
    public long Count { get; }

    public long Bytes => _memory.Bytes;

    /// <summary>[V, hidden].</summary>
    public Matrix Embedding { get; }

    /// <summary>[1, hidden].</summary>
    public Matrix FinalNorm { get; }

    /// <summary>[V, hidden]; the embedding itself where it is tied.</summary>
    public Matrix Head { get; }

    public LayerParameters Layer(int layer)
    {
        var prefix = $"model.layers.{layer}.";
        var heads = _config.AttentionHeads + (2 * _config.KeyValueHeads);
        return new(
            View(prefix + "input_layernorm.weight"),
            View(prefix + "self_attn.q_proj.weight", heads * _config.HeadDimension),
            View(prefix + "self_attn.o_proj.weight"),
            View(prefix + "post_attention_layernorm.weight"),
            View(prefix + "mlp.gate_proj.weight", 2 * _config.IntermediateSize),
            View(prefix + "mlp.down_proj.weight"));
    }

    /// <summary>Whether there is a tensor of that name.</summary>
    public bool Contains(string name) => _byName.ContainsKey(name);

    /// <summary>A tensor by its Hugging Face name, as a matrix.</summary>
    public Matrix View(string name) => View(name, _byName[name].Rows);

    /// <summary>The numbers from an offset on.</summary>
    public Span<float> Slice(long offset, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Count - count);
        return new(_memory.Floats + offset, count);
    }

    /// <summary>Reads every tensor.</summary>
    /// <exception cref="CheckpointException">One is missing or has another shape.</exception>
    public void CopyFrom(WeightSource source)
    {
        foreach (var tensor in Tensors)
        {
            var weights = source.GetTensor(tensor.Name, tensor.Shape);
            var view = View(tensor.Name);
            for (var row = 0; row < tensor.Rows; row++)
            {
                weights.ReadRow(row, view.Row(row));
            }
        }
    }

    /// <summary>Overwrites one layer's numbers with another's.</summary>
    public void CopyLayer(int source, int destination)
    {
        foreach (var tensor in Tensors.Where(tensor => tensor.Layer == destination))
        {
            var from = View(tensor.Name.Replace($"layers.{destination}.", $"layers.{source}.", StringComparison.Ordinal));
            var to = View(tensor.Name);
            for (var row = 0; row < tensor.Rows; row++)
            {
                from.Row(row).CopyTo(to.Row(row));
            }
        }
    }

    /// <summary>Sets to zero what writes into the residual stream, so that the layer passes on what comes in.</summary>
    public void ClearOutputs(int layer)
    {
        foreach (var output in (ReadOnlySpan<Matrix>)[Layer(layer).Output, Layer(layer).Down])
        {
            for (var row = 0; row < output.Rows; row++)
            {
                output.Row(row).Clear();
            }
        }
    }

    public void Dispose() => _memory.Dispose();

    /// <summary>The number in <c>model.layers.N.…</c>.</summary>
    private static int? LayerOf(string name) =>
        name.Split('.') is [_, "layers", var number, ..] ? int.Parse(number, CultureInfo.InvariantCulture) : null;

    /// <summary>A tensor and those behind it that have as many columns, up to so many rows.</summary>
    private Matrix View(string name, int rows)
    {
        var tensor = _byName[name];
        return new(_memory.Floats + tensor.Offset, rows, tensor.Columns, tensor.Columns);
    }
}
