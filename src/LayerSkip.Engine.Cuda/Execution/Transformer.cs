using LayerSkip.Engine.Cuda.Driver;
using LayerSkip.Engine.Cuda.Weights;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Cuda.Execution;

/// <summary>The order of launches that embed rows, run a GPU's layers over them and choose tokens, whether they run at once or are captured into a graph.</summary>
internal sealed class Transformer
{
    private readonly Products[] _products = new Products[Enum.GetValues<MatrixFormat>().Length];
    private readonly AttentionKernels _attention;
    private readonly NormKernels _norms;
    private readonly ulong _frequencies;
    private readonly ulong _headActivations; // of as many rows as a pass of the head has; 0 where the head is another GPU's

    public Transformer(CudaContext context, CudaWeights weights, Geometry geometry)
    {
        Weights = weights;
        Geometry = geometry;
        var kernels = new KernelLibrary(context);
        foreach (var format in weights.Formats)
        {
            _products[(int)format] = new Products(context, kernels, format);
        }

        _attention = new AttentionKernels(context, kernels, geometry);
        Choices = new ChoiceKernels(context, kernels);
        Sampling = new SamplingKernels(context, kernels, geometry.Config.VocabularySize);
        _norms = new NormKernels(context, kernels, geometry);
        _headActivations = weights.HasEnds ? context.Allocate((long)LogitMemory.MostRows * Geometry.ActivationBytes(geometry.Config.HiddenSize)) : 0;
        var frequencies = Rope.Frequencies(geometry.Config);
        _frequencies = context.Allocate((long)frequencies.Length * sizeof(float));
        context.Write<float>(_frequencies, frequencies);
    }

    public CudaWeights Weights { get; }

    public Geometry Geometry { get; }

    /// <summary>From keys to tokens.</summary>
    public ChoiceKernels Choices { get; }

    /// <summary>From logits to keys, by probabilities.</summary>
    public SamplingKernels Sampling { get; }

    /// <summary>Starts rows with their tokens' embeddings.</summary>
    public void Embed(in RowPointers rows, int count) => Of(Weights.Ends.Embedding).Embed(Weights.Ends.Embedding, _frequencies, Geometry.Planes, rows, count);

    /// <summary>Rows' rotary angles alone, where another GPU embeds them.</summary>
    public void Turn(in RowPointers rows, int count) => _attention.Angles(rows, _frequencies, count);

    /// <summary>Runs the layers [from, to) of this GPU's over rows.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="count">How many.</param>
    /// <param name="from">First layer.</param>
    /// <param name="to">End of the layers, exclusive.</param>
    /// <param name="scratch">Has room for as many rows and spans.</param>
    /// <param name="spans">Spans that reach behind every row's position.</param>
    /// <param name="cancellationToken">Looked at between layers.</param>
    public void Run(in RowPointers rows, int count, int from, int to, Scratch scratch, int spans, CancellationToken cancellationToken = default)
    {
        var stride = Geometry.Padded(Geometry.QkvOutputs);
        for (var l = from; l < to; l++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var layer = Weights.Layers[l];
            _norms.Normalize(scratch.Normed, rows, layer.AttentionNorm, count);
            Of(layer.Qkv).Project(scratch.Qkv, stride, layer.Qkv, scratch.Normed, rows.Positions, count);
            _attention.Append(scratch.Qkv, rows, count, l);
            _attention.Attend(scratch, rows, count, l, spans);
            Of(layer.Output).ProjectAdd(rows.Hidden, layer.Output, scratch.Attended, rows.Positions, count);
            _norms.Normalize(scratch.Normed, rows, layer.MlpNorm, count);
            Of(layer.Gate).GateUp(scratch.Gated, layer.Gate, layer.Up, scratch.Normed, rows.Positions, count);
            Of(layer.Down).ProjectAdd(rows.Hidden, layer.Down, scratch.Gated, rows.Positions, count);
        }
    }

    /// <summary>Final norm alone: float [count, padded hidden size].</summary>
    public void States(ulong states, in RowPointers rows, int count) => _norms.States(states, rows, Weights.Ends.FinalNorm, count);

    /// <summary>Final norm and head: rows' keys, of the whole vocabulary. At most <see cref="LogitMemory.MostRows"/> rows, as in every pass of the head.</summary>
    public void Head(in RowPointers rows, int count)
    {
        Normalize(rows, count);
        ArgMax(rows, 0, count, ids: 0, Weights.Ends.Head.Outputs);
    }

    /// <summary>Final norm and head: rows' keys, of the tokens of two lists.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="count">How many.</param>
    /// <param name="ids">Device memory {count, id, ...}: of all rows.</param>
    /// <param name="mostIds">Most ids there are.</param>
    /// <param name="own">Likewise: of the first row.</param>
    /// <param name="mostOwn">Most ids there are.</param>
    /// <param name="ownBytes">Bytes from each row's list to the next one's.</param>
    public void Head(in RowPointers rows, int count, ulong ids, int mostIds, ulong own, int mostOwn, int ownBytes = 0)
    {
        Normalize(rows, count);
        ArgMax(rows, 0, count, ids, mostIds);
        for (var row = 0; row < count; row++)
        {
            ArgMax(rows, row, 1, own + (ulong)(row * ownBytes), mostOwn);
        }
    }

    /// <summary>Final norm and head: logits [count, vocabulary].</summary>
    public void Logits(ulong logits, in RowPointers rows, int count)
    {
        Normalize(rows, count);
        Of(Weights.Ends.Head).Project(logits, Weights.Ends.Head.Outputs, Weights.Ends.Head, _headActivations, rows.Positions, count);
    }

    /// <summary>Final norm, head and a draw: rows' keys are those of the tokens drawn, whose likelihoods lie in the memory.</summary>
    /// <param name="memory">For as many rows; reserved.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="count">How many.</param>
    /// <param name="sampling"><see cref="SamplingParameters"/> in device memory.</param>
    public void Draw(LogitMemory memory, in RowPointers rows, int count, ulong sampling)
    {
        Logits(memory.Logits, rows, count);
        Sampling.Draw(memory, 0, rows, count, sampling);
    }

    /// <summary>Final norm, head and a guess: rows' keys, of all tokens or of listed ones, and how likely they are, in the memory.</summary>
    /// <param name="memory">For as many rows; reserved.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="count">How many.</param>
    /// <param name="ids">Device memory {count, id, ...}; 0: all tokens.</param>
    /// <param name="own">Likewise: further ones.</param>
    public void Guess(LogitMemory memory, in RowPointers rows, int count, ulong ids, ulong own)
    {
        Logits(memory.Logits, rows, count);
        Sampling.Guess(memory, 0, rows, count, ids, own);
    }

    private void Normalize(in RowPointers rows, int count) => _norms.Normalize(_headActivations, rows, Weights.Ends.FinalNorm, count);

    private void ArgMax(in RowPointers rows, int first, int count, ulong ids, int mostIds) => Of(Weights.Ends.Head).HeadArgMax(
        Weights.Ends.Head,
        ids,
        mostIds,
        _headActivations + ((ulong)first * (ulong)Geometry.ActivationBytes(Geometry.Config.HiddenSize)),
        rows.At(first, Geometry),
        count);

    private Products Of(DeviceMatrix matrix) => _products[(int)matrix.Format];
}
