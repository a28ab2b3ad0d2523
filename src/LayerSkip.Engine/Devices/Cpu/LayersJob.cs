using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>A pass of rows through layers, as one job: what the ways to deal it to threads have in common.</summary>
internal abstract class LayersJob : PhasedJob, IDisposable
{
    // Of each thread: rows normed, and quantised.
    private readonly ActivationBuffer[] _normed;
    private readonly ActivationBuffer[] _quantized;

    private CancellationToken _cancellationToken;
    private volatile bool _isCancelled; // while a pass runs, any thread sets it and none clears it

    /// <param name="config">The model's shape.</param>
    /// <param name="pool">The threads.</param>
    /// <param name="attention">Used by nothing else meanwhile.</param>
    /// <param name="append">Of one head.</param>
    /// <param name="quantizedWidth">Elements of the widest row that a thread quantises for itself.</param>
    protected LayersJob(ModelConfig config, ComputePool pool, RowAttention attention, CacheAppend append, int quantizedWidth)
    {
        (Config, Pool, Attention, Append) = (config, pool, attention, append);
        _normed = [.. Enumerable.Range(0, pool.Threads).Select(_ => new ActivationBuffer(config.HiddenSize))];
        _quantized = [.. Enumerable.Range(0, pool.Threads).Select(_ => new ActivationBuffer(QuantizedRow.Floats(quantizedWidth)))];
        (NormedRows, QuantizedRows) = (new RowsView[pool.Threads], new RowsView[pool.Threads]);
    }

    protected ModelConfig Config { get; }

    protected ComputePool Pool { get; }

    protected RowAttention Attention { get; }

    protected CacheAppend Append { get; }

    /// <summary>Room of each thread for rows normed.</summary>
    protected RowsView[] NormedRows { get; }

    /// <summary>Room of each thread for rows quantised.</summary>
    protected RowsView[] QuantizedRows { get; }

    /// <summary>The model's layers, or a copy of the first of them.</summary>
    protected CpuLayer[] Layers { get; private set; } = [];

    /// <summary>The slots; null between passes.</summary>
    protected CpuRows? Rows { get; private set; }

    /// <summary>First slot.</summary>
    protected int Start { get; private set; }

    /// <summary>Number of slots.</summary>
    protected int Count { get; private set; }

    /// <summary>First layer.</summary>
    protected int From { get; private set; }

    /// <summary>End of the layers, exclusive.</summary>
    protected int To { get; private set; }

    /// <summary>How many of the first rows nobody reads afterwards.</summary>
    protected int Unread { get; private set; }

    /// <summary>The rows' hidden states.</summary>
    protected RowsView Hidden { get; private set; }

    /// <summary>What a layer computes of the rows.</summary>
    protected LayerRows Shared { get; private set; }

    /// <summary>Rows that a thread may need room for.</summary>
    protected abstract int RowsOfThread { get; }

    /// <summary>Whether the pass is to end.</summary>
    protected bool IsCancelled => _isCancelled;

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

        (Layers, Rows, Start, Count, From, To, Unread) = (layers.Layers, rows, start, count, from, to, unread);
        (Hidden, Shared) = (rows.Hidden.Slice(start, count), shared);
        var most = RowsOfThread;
        for (var worker = 0; worker < _normed.Length; worker++)
        {
            (NormedRows[worker], QuantizedRows[worker]) = (_normed[worker].Rows(most), _quantized[worker].Rows(most));
        }

        Attention.Place(Pool.Threads, takers: 1, rows, start, shared.Qkv, shared.Attended);
        (_cancellationToken, _isCancelled) = (cancellationToken, false);
        try
        {
            RunPhases(layers, upcoming);
        }
        finally
        {
            (Rows, _cancellationToken) = (null, default);
        }

        if (_isCancelled)
        {
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    public virtual void Dispose()
    {
        foreach (var buffer in (ReadOnlySpan<ActivationBuffer>)[.. _normed, .. _quantized])
        {
            buffer.Dispose();
        }
    }

    /// <summary>Runs the job's phases.</summary>
    protected virtual void RunPhases(LayerSet layers, WeightMatrix upcoming) => Pool.Run(this, upcoming);

    /// <summary>Looks whether the pass is to end; once a thread has seen that, all do.</summary>
    protected bool LookForCancellation()
    {
        if (_cancellationToken.IsCancellationRequested)
        {
            _isCancelled = true;
        }

        return _isCancelled;
    }

    /// <summary>Norms a row's hidden state.</summary>
    protected void Norm(int row, float[] weight, Span<float> normed) =>
        RmsNorm.Apply(Hidden.Row(row, Config.HiddenSize), weight, normed, Config.RmsNormEpsilon);
}
