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
internal sealed class RowSetPass : PhasedJob, IDisposable
{
    /// <summary>Rows of each thread, from which on it can pay to read all of a layer for them.</summary>
    private const int LeastRows = 2;

    /// <summary>Most rows of a set: what a layer computes of them stays in a near cache.</summary>
    private const int MostRows = 64;

    /// <summary>Most bytes that every thread may read for a layer: its weights, and what its rows attend to.</summary>
    private const long MostBytes = 4 << 20;

    private readonly ModelConfig _config;
    private readonly ComputePool _pool;
    private readonly RowAttention _attention;
    private readonly CacheAppend _append;

    // Of each thread: rows of a set normed, and quantised.
    private readonly ActivationBuffer[] _normed;
    private readonly ActivationBuffer[] _quantized;
    private readonly RowsView[] _normedRows;
    private readonly RowsView[] _quantizedRows;

    private CpuLayer[] _layers = [];
    private CpuRows? _rows;
    private int _start;
    private int _count;
    private int _from;
    private int _to;
    private int _unread;
    private RowsView _hidden;
    private LayerRows _shared;
    private CancellationToken _cancellationToken;
    private volatile bool _isCancelled; // while a pass runs, any thread sets it and none clears it

    /// <param name="config">The model's shape.</param>
    /// <param name="pool">The threads.</param>
    /// <param name="attention">Used by nothing else meanwhile.</param>
    /// <param name="append">Of one head.</param>
    public RowSetPass(ModelConfig config, ComputePool pool, RowAttention attention, CacheAppend append)
    {
        (_config, _pool, _attention, _append) = (config, pool, attention, append);
        var widest = Math.Max(config.AttentionHeads * config.HeadDimension, Math.Max(config.HiddenSize, config.IntermediateSize));
        _normed = [.. Enumerable.Range(0, pool.Threads).Select(_ => new ActivationBuffer(config.HiddenSize))];
        _quantized = [.. Enumerable.Range(0, pool.Threads).Select(_ => new ActivationBuffer(QuantizedRow.Floats(widest)))];
        (_normedRows, _quantizedRows) = (new RowsView[pool.Threads], new RowsView[pool.Threads]);
    }

    /// <summary>One more than there are layers; the last ends with its keys and values where nobody reads a row.</summary>
    public override int Phases => _to - _from + (_unread < _count ? 1 : 0);

    /// <summary>Whether this may be the quicker way for some rows.</summary>
    /// <param name="layer">Any of the layers.</param>
    /// <param name="rows">Slots, placed.</param>
    /// <param name="start">First slot.</param>
    /// <param name="count">Number of slots.</param>
    public bool Suits(CpuLayer layer, CpuRows rows, int start, int count)
    {
        if (_pool.Threads == 1 || count < LeastRows * _pool.Threads || layer.Bytes > MostBytes)
        {
            return false;
        }

        var longest = 0;
        for (var slot = start; slot < start + count; slot++)
        {
            longest = Math.Max(longest, rows.Position(slot) + 1);
        }

        return layer.Bytes + (2L * longest * _config.KeyValueHeads * _config.HeadDimension * sizeof(float)) <= MostBytes;
    }

    /// <summary>Runs layers, of which the last leaves out all but keys and values for the first rows.</summary>
    /// <param name="layers">The model's, or a copy of the first of them.</param>
    /// <param name="rows">Slots, placed.</param>
    /// <param name="start">First slot.</param>
    /// <param name="count">Number of slots, which this way suits.</param>
    /// <param name="from">First layer.</param>
    /// <param name="to">End of the layers, exclusive.</param>
    /// <param name="unread">Rows that nobody reads afterwards.</param>
    /// <param name="shared">Room for as many rows.</param>
    /// <param name="upcoming">What is multiplied next.</param>
    /// <param name="cancellationToken">Looked at in every layer.</param>
    public void Run(
        LayerSet layers, CpuRows rows, int start, int count, int from, int to, int unread, in LayerRows shared, WeightMatrix upcoming, CancellationToken cancellationToken)
    {
        if (from == to)
        {
            return;
        }

        (_layers, _rows, _start, _count, _from, _to, _unread) = (layers.Layers, rows, start, count, from, to, unread);
        (_hidden, _shared) = (rows.Hidden.Slice(start, count), shared);
        var most = Math.Max(RowsOfSet(count), RowsOfSet(count - unread));
        for (var worker = 0; worker < _normed.Length; worker++)
        {
            (_normedRows[worker], _quantizedRows[worker]) = (_normed[worker].Rows(most), _quantized[worker].Rows(most));
        }

        _attention.Place(_pool.Threads, takers: 1, rows, start, shared.Qkv, shared.Attended);
        (_cancellationToken, _isCancelled) = (cancellationToken, false);
        try
        {
            _pool.Run(this, upcoming);
        }
        finally
        {
            (_rows, _cancellationToken) = (null, default);
        }

        if (_isCancelled)
        {
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    public override int Chunks(int phase) => Sets(_count - FirstRow(phase));

    public override void Run(int phase, int chunk, int worker)
    {
        if (_cancellationToken.IsCancellationRequested)
        {
            _isCancelled = true;
        }

        if (_isCancelled)
        {
            return;
        }

        var (before, sets, count) = (FirstRow(phase), Chunks(phase), _count - FirstRow(phase));
        var (first, end) = (before + ChunkDeal.Start(count, chunk, sets), before + ChunkDeal.Start(count, chunk + 1, sets));
        if (phase > 0)
        {
            Finish(_from + phase - 1, first, end, worker);
        }

        if (_from + phase < _to)
        {
            Project(_from + phase, first, end, worker);
        }
    }

    public void Dispose()
    {
        foreach (var buffer in (ReadOnlySpan<ActivationBuffer>)[.. _normed, .. _quantized])
        {
            buffer.Dispose();
        }
    }

    /// <summary>A layer's queries, keys and values of some rows.</summary>
    private void Project(int number, int first, int end, int worker)
    {
        var layer = _layers[number];
        var qkv = _shared.Qkv.Slice(first, end - first);
        Projection.Write(layer.Qkv, layer.QkvBias, 0, layer.Qkv.Panels, Input(layer.Qkv, Norm(layer.AttentionNorm, first, end, worker), worker), qkv);
        for (var row = 0; row < qkv.Count; row++)
        {
            for (var head = 0; head < _config.KeyValueHeads; head++)
            {
                _append.Run(_rows!, _start + first + row, number, head, qkv.Row(row, qkv.Stride));
            }
        }
    }

    /// <summary>What follows of a layer.</summary>
    private void Finish(int number, int first, int end, int worker)
    {
        var (layer, count) = (_layers[number], end - first);
        var (hidden, shared) = (_hidden.Slice(first, count), _shared.Slice(first, count));
        for (var set = 0; set < _attention.Sets; set++)
        {
            for (var head = 0; head < _config.KeyValueHeads; head++)
            {
                _attention.Attend(set, head, number, worker, first, end);
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
        var normed = _normedRows[worker].Slice(0, end - first);
        for (var row = 0; row < normed.Count; row++)
        {
            RmsNorm.Apply(_hidden.Row(first + row, _config.HiddenSize), weight, normed.Row(row, _config.HiddenSize), _config.RmsNormEpsilon);
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

        var quantized = _quantizedRows[worker].Slice(0, rows.Count);
        for (var row = 0; row < rows.Count; row++)
        {
            QuantizedRow.Write(rows.Row(row, matrix.Inputs), quantized.Row(row, QuantizedRow.Floats(matrix.Inputs)));
        }

        return quantized;
    }

    /// <summary>As many sets as threads, or a multiple of that.</summary>
    private int Sets(int count) => Math.Min(count, (count + (MostRows * _pool.Threads) - 1) / (MostRows * _pool.Threads) * _pool.Threads);

    /// <summary>Rows of the largest set of so many.</summary>
    private int RowsOfSet(int count) => count == 0 ? 0 : (count + Sets(count) - 1) / Sets(count);

    /// <summary>The first row that a phase is for: the last layer goes on without the rows that nobody reads.</summary>
    private int FirstRow(int phase) => _from + phase == _to ? _unread : 0;
}
