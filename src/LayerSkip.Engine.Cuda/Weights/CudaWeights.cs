using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Cuda.Driver;

namespace LayerSkip.Engine.Cuda.Weights;

/// <summary>A model's weights in a GPU's memory: of some consecutive layers, and perhaps what stands before the first layer and behind the last.</summary>
/// <remarks>They belong to the context, which frees them.</remarks>
internal sealed class CudaWeights
{
    private const int StagingBytes = 16 << 20;

    private readonly CudaContext _context;
    private readonly WeightSource _source;
    private readonly DeviceEnds? _ends;

    private CudaWeights(CudaContext context, FormatPlan plan, int first, int count, bool ends, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        (_context, _source) = (context, plan.Source);
        var config = plan.Config;
        var heldBefore = context.HeldBytes;
        if (ends)
        {
            var head = Matrix(plan.Head, bias: false);
            _ends = new(config.TiedEmbeddings ? head : Matrix(plan.Embedding, bias: false), head, Gain("model.norm.weight", config.HiddenSize));
        }

        Layers = new DeviceLayer[count];
        for (var layer = 0; layer < count; layer++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Layers[layer] = Layer(config, plan.Layers[first + layer]);
            progress?.Report((first + layer + 1.0) / config.Layers);
        }

        context.Synchronize();
        Bytes = context.HeldBytes - heldBefore;
    }

    /// <summary>Whether embeddings and head lie here, too.</summary>
    public bool HasEnds => _ends is not null;

    /// <summary>Embeddings and head.</summary>
    /// <exception cref="InvalidOperationException">They lie on another GPU.</exception>
    public DeviceEnds Ends => _ends ?? throw new InvalidOperationException("embeddings and head lie on another GPU");

    /// <summary>The layers, in order.</summary>
    public DeviceLayer[] Layers { get; }

    /// <summary>Bytes they take.</summary>
    public long Bytes { get; }

    /// <summary>Formats of the matrices.</summary>
    public IEnumerable<MatrixFormat> Formats =>
        Layers.SelectMany(layer => (IEnumerable<MatrixFormat>)[layer.Qkv.Format, layer.Output.Format, layer.Gate.Format, layer.Down.Format])
            .Concat(_ends is null ? [] : [_ends.Head.Format, _ends.Embedding.Format])
            .Distinct();

    /// <summary>Reads weights and copies them to the device.</summary>
    /// <param name="context">The device.</param>
    /// <param name="plan">The model's weights, and their formats.</param>
    /// <param name="first">First layer.</param>
    /// <param name="count">Layers.</param>
    /// <param name="ends">Whether embeddings and head are loaded, too.</param>
    /// <param name="progress">Told the share of the model's layers up to the last one loaded, 0..1.</param>
    /// <param name="cancellationToken">Ends the loading between layers.</param>
    /// <exception cref="CheckpointException">A tensor is missing, has another shape than the configuration implies, or does not fit its format.</exception>
    /// <exception cref="InsufficientMemoryException">They do not fit into the device's memory.</exception>
    public static CudaWeights Load(
        CudaContext context, FormatPlan plan, int first, int count, bool ends, IProgress<double>? progress, CancellationToken cancellationToken) =>
        new(context, plan, first, count, ends, progress, cancellationToken);

    private DeviceLayer Layer(ModelConfig config, PlannedLayer plan) => new(
        Gain(plan.Prefix + "input_layernorm.weight", config.HiddenSize),
        Matrix(plan.Qkv, config.AttentionBias),
        Matrix(plan.Output, config.AttentionBias),
        Gain(plan.Prefix + "post_attention_layernorm.weight", config.HiddenSize),
        Matrix(plan.Gate, config.MlpBias),
        Matrix(plan.Up, config.MlpBias),
        Matrix(plan.Down, config.MlpBias));

    /// <summary>A matrix's tensors, one below the other, and their biases one behind the other.</summary>
    private DeviceMatrix Matrix(PlannedMatrix plan, bool bias)
    {
        var format = plan.Format;
        var (rowBytes, rowScales) = (format.RowBytes(plan.Inputs), format.RowScales(plan.Inputs));
        var address = _context.Allocate((long)rowBytes * plan.Outputs);
        var scales = rowScales > 0 ? _context.Allocate((long)rowScales * sizeof(float) * plan.Outputs) : 0;
        var biases = bias ? new float[plan.Outputs] : [];
        var first = 0L;
        foreach (var part in plan.Parts)
        {
            Fill(
                format,
                address + (ulong)(first * rowBytes),
                scales + (ulong)(first * rowScales * sizeof(float)),
                _source.GetTensor(part.Weight, part.Rows, part.Columns));
            if (bias)
            {
                _source.GetTensor(part.Bias, part.Rows).ReadRow(0, biases.AsSpan((int)first, part.Rows));
            }

            first += part.Rows;
        }

        return new DeviceMatrix(format, address, scales, plan.Outputs, plan.Inputs, bias ? Vector(biases, plan.Outputs) : 0);
    }

    /// <summary>Copies a tensor's rows, a piece at a time.</summary>
    private void Fill(MatrixFormat format, ulong rows, ulong scales, WeightTensor tensor)
    {
        var (rowBytes, rowScales) = (format.RowBytes(tensor.Columns), format.RowScales(tensor.Columns));
        var piece = Math.Clamp(StagingBytes / rowBytes, 1, tensor.Rows);
        var packed = new byte[piece * rowBytes];
        var packedScales = new float[piece * rowScales];
        for (var first = 0; first < tensor.Rows; first += piece)
        {
            var (start, count) = (first, Math.Min(piece, tensor.Rows - first));
            Array.Clear(packed);
            Array.Clear(packedScales);
            try
            {
                Parallel.For(
                    0,
                    count,
                    () => new RowPacker(format, tensor),
                    (row, _, packer) =>
                    {
                        packer.Pack(start + row, packed.AsSpan(row * rowBytes, rowBytes), packedScales.AsSpan(row * rowScales, rowScales));
                        return packer;
                    },
                    static _ => { });
            }
            catch (AggregateException e) when (e.InnerExceptions is [CheckpointException checkpoint, ..])
            {
                throw checkpoint;
            }

            _context.Write<byte>(rows + (ulong)((long)first * rowBytes), packed.AsSpan(0, count * rowBytes));
            if (rowScales > 0)
            {
                _context.Write<float>(scales + (ulong)((long)first * rowScales * sizeof(float)), packedScales.AsSpan(0, count * rowScales));
            }
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
