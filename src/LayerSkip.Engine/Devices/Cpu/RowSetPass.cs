using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>
/// Runs rows through layers that the caches hold, each thread some rows of its own: all that it reads of them it has written itself, but for keys and values. Threads that share the
/// outputs of every product instead fetch half of the next one's inputs from each other, line by line, which takes small layers as long as half of their arithmetic.
/// </summary>
/// <remarks>
/// A phase for each layer: what is left of the layer before, from its attention on, and the layer's own queries, keys and values. Whoever attends finds all of them in the cache.
/// Every thread reads all weights, so that memory would bound larger models.
/// </remarks>
internal sealed class RowSetPass : LayersJob
{
    /// <summary>Rows of each thread, from which on it can pay to read all of a layer for them.</summary>
    private const int LeastRows = 2;

    /// <summary>Most rows of a set: what a layer computes of them stays in a near cache.</summary>
    private const int MostRows = 64;

    /// <summary>Most bytes that every thread may read for a layer: its weights, and what its rows attend to.</summary>
    private const long MostBytes = 4 << 20;

    /// <param name="config">The model's shape.</param>
    /// <param name="pool">The threads.</param>
    /// <param name="attention">Used by nothing else meanwhile.</param>
    /// <param name="append">Of one head.</param>
    public RowSetPass(ModelConfig config, ComputePool pool, RowAttention attention, CacheAppend append)
        : base(config, pool, attention, append, Math.Max(config.AttentionHeads * config.HeadDimension, Math.Max(config.HiddenSize, config.IntermediateSize)))
    {
    }

    /// <summary>One more than there are layers; the last ends with its keys and values where nobody reads a row.</summary>
    public override int Phases => To - From + (Unread < Count ? 1 : 0);

    /// <summary>Whether this may be the quicker way for some rows.</summary>
    /// <param name="layer">Any of the layers.</param>
    /// <param name="rows">Slots, placed.</param>
    /// <param name="start">First slot.</param>
    /// <param name="count">Number of slots.</param>
    public bool Suits(CpuLayer layer, CpuRows rows, int start, int count)
    {
        if (Pool.Threads == 1 || count < LeastRows * Pool.Threads || layer.Bytes > MostBytes)
        {
            return false;
        }

        var longest = 0;
        for (var slot = start; slot < start + count; slot++)
        {
            longest = Math.Max(longest, rows.Position(slot) + 1);
        }

        return layer.Bytes + (2L * longest * Config.KeyValueHeads * Config.HeadDimension * sizeof(float)) <= MostBytes;
    }

    /// <summary>Those of the largest set; of the last phase's, which may be fewer and larger, too.</summary>
    protected override int RowsOfThread => Math.Max(RowsOfSet(Count), RowsOfSet(Count - Unread));

    public override int Chunks(int phase) => Sets(Count - FirstRow(phase));

    public override void Run(int phase, int chunk, int worker)
    {
        if (LookForCancellation())
        {
            return;
        }

        var (before, sets, count) = (FirstRow(phase), Chunks(phase), Count - FirstRow(phase));
        var (first, end) = (before + ChunkDeal.Start(count, chunk, sets), before + ChunkDeal.Start(count, chunk + 1, sets));
        if (phase > 0)
        {
            Finish(From + phase - 1, first, end, worker);
        }

        if (From + phase < To)
        {
            Project(From + phase, first, end, worker);
        }
    }

    /// <summary>A layer's queries, keys and values of some rows.</summary>
    private void Project(int number, int first, int end, int worker)
    {
        var layer = Layers[number];
        var qkv = Shared.Qkv.Slice(first, end - first);
        Projection.Write(layer.Qkv, layer.QkvBias, 0, layer.Qkv.Panels, Input(layer.Qkv, Norm(layer.AttentionNorm, first, end, worker), worker), qkv);
        for (var row = 0; row < qkv.Count; row++)
        {
            for (var head = 0; head < Config.KeyValueHeads; head++)
            {
                Append.Run(Rows!, Start + first + row, number, head, qkv.Row(row, qkv.Stride));
            }
        }
    }

    /// <summary>What follows of a layer.</summary>
    private void Finish(int number, int first, int end, int worker)
    {
        var (layer, count) = (Layers[number], end - first);
        var (hidden, shared) = (Hidden.Slice(first, count), Shared.Slice(first, count));
        for (var set = 0; set < Attention.Sets; set++)
        {
            for (var head = 0; head < Config.KeyValueHeads; head++)
            {
                Attention.Attend(set, head, number, worker, first, end);
            }
        }

        // The residual stream is what the products accumulate into.
        Projection.Add(layer.Output, layer.OutputBias, 0, layer.Output.Panels, Input(layer.Output, shared.Attended, worker), hidden);
        var normed = Norm(layer.MlpNorm, first, end, worker);
        var (gate, up) = (Input(layer.Gate, normed, worker), layer.Up.Kernel.TakesQuantizedRows == layer.Gate.Kernel.TakesQuantizedRows);
        GatedMlp.Run(layer, 0, layer.Gate.Panels, gate, up ? gate : Input(layer.Up, normed, worker), shared.Gated, shared.Up);
        Projection.Add(layer.Down, layer.DownBias, 0, layer.Down.Panels, Input(layer.Down, shared.Gated, worker), hidden);
    }

    private RowsView Norm(float[] weight, int first, int end, int worker)
    {
        var normed = NormedRows[worker].Slice(0, end - first);
        for (var row = 0; row < normed.Count; row++)
        {
            Norm(first + row, weight, normed.Row(row, Config.HiddenSize));
        }

        return normed;
    }

    /// <summary>Rows as a matrix takes them; good until the next call that quantises.</summary>
    private RowsView Input(WeightMatrix matrix, in RowsView rows, int worker)
    {
        if (!matrix.Kernel.TakesQuantizedRows)
        {
            return rows;
        }

        var quantized = QuantizedRows[worker].Slice(0, rows.Count);
        for (var row = 0; row < rows.Count; row++)
        {
            QuantizedRow.Write(rows.Row(row, matrix.Inputs), quantized.Row(row, QuantizedRow.Floats(matrix.Inputs)));
        }

        return quantized;
    }

    /// <summary>As many sets as threads, or a multiple of that.</summary>
    private int Sets(int count) => Math.Min(count, (count + (MostRows * Pool.Threads) - 1) / (MostRows * Pool.Threads) * Pool.Threads);

    /// <summary>Rows of the largest set of so many.</summary>
    private int RowsOfSet(int count) => count == 0 ? 0 : (count + Sets(count) - 1) / Sets(count);

    /// <summary>The first row that a phase is for: the last layer goes on without the rows that nobody reads.</summary>
    private int FirstRow(int phase) => From + phase == To ? Unread : 0;
}
