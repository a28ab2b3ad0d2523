using System.Diagnostics;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices.Cpu.Jobs;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>The transformer on the CPU.</summary>
internal sealed class CpuModel : IDeviceModel
{
    private readonly CpuWeights _weights;
    private readonly ComputePool _pool;
    private readonly StepGate _gate = new();

    private readonly ActivationBuffer _normed;
    private readonly ActivationBuffer _qkv;
    private readonly ActivationBuffer _attended;
    private readonly ActivationBuffer _gated;
    private readonly ActivationBuffer _up;

    private readonly NormJob _norm;
    private readonly MultiplyJob _multiply = new();
    private readonly CacheAppendJob _append;
    private readonly RowAttention _rowAttention;
    private readonly AttentionJob _attention;
    private readonly GatedMlpJob _mlp = new();
    private readonly RowQuantizer _quantizer;
    private readonly LayerPass _pass;
    private readonly RowSetPass _rowSetPass;
    private readonly LayerSet _layers;
    private readonly SharedPass _sharedPass;
    private readonly HeadRows? _draftVocabulary;
    private readonly SimdPath _path;
    private readonly CoarseLayers?[] _coarseLayers = new CoarseLayers?[Enum.GetValues<DraftWeights>().Length]; // by weights, where any draft has gone by them
    private CoarseHead? _coarseHead; // from the first guess by it on
    private bool _hasTriedCoarseHead;

    private long _kvBytes;
    private bool _disposed;

    private CpuModel(
        ModelConfig config, CpuWeights weights, WeightFormat format, SimdPath path, int threads, IReadOnlyList<int> draftVocabulary)
    {
        (Config, _path) = (config, path);
        WeightFormat = format;
        Device = $"cpu ({threads} thread{(threads == 1 ? "" : "s")}, {path.ToString().ToLowerInvariant()})";
        RopeFrequencies = Rope.Frequencies(config);
        _weights = weights;
        _layers = new(weights.Layers);
        _draftVocabulary = draftVocabulary.Count > 0 ? new(weights.Head, [.. draftVocabulary.Distinct()], HeadRows.DraftKernel(weights.Head.Kernel, path)) : null;

        var queries = config.AttentionHeads * config.HeadDimension;
        _normed = new(config.HiddenSize);
        _qkv = new(queries + (2 * config.KeyValueHeads * config.HeadDimension));
        _attended = new(queries);
        _gated = new(config.IntermediateSize);
        _up = new(config.IntermediateSize);

        _norm = new(config.RmsNormEpsilon);
        var append = new CacheAppend(config);
        _append = new(append, config.KeyValueHeads);
        _rowAttention = new(this);
        _attention = new(_rowAttention, config.KeyValueHeads);
        _quantizer = new(Math.Max(queries, Math.Max(config.HiddenSize, config.IntermediateSize)));
        _sharedPass = new(this);

        // At the end: its threads go when it is disposed, and not before.
        _pool = new ComputePool(threads);
        try
        {
            Heads = new(config, weights, _pool, _norm, _quantizer);
            _pass = new(config, _pool, _rowAttention, append);
            _rowSetPass = new(config, _pool, _rowAttention, append);
        }
        catch
        {
            _pool.Dispose();
            throw;
        }
    }

    public ModelConfig Config { get; }

    public WeightFormat WeightFormat { get; }

    public string Device { get; }

    public long WeightBytes => _weights.Bytes + (_draftVocabulary?.Bytes ?? 0) + (_coarseHead?.Bytes ?? 0) + _coarseLayers.Sum(static coarse => coarse?.Bytes ?? 0);

    public long KvBytes => Interlocked.Read(ref _kvBytes);

    /// <summary>Radians a position, one for each pair of a head's elements.</summary>
    public float[] RopeFrequencies { get; }

    /// <summary>Final norm and head, within a step.</summary>
    public CpuHeadPasses Heads { get; }

    /// <summary>Reads and packs a model's weights.</summary>
    /// <param name="config">The model's shape.</param>
    /// <param name="source">Its weights; not needed afterwards.</param>
    /// <param name="format">How to keep the matrices.</param>
    /// <param name="threads">Threads to compute with, the caller's included.</param>
    /// <param name="path">Vector width of the kernels.</param>
    /// <param name="draftVocabulary">Tokens that drafts choose among, beside the prompt's; null or empty: all.</param>
    /// <param name="finer">Matrices to keep in the source's own precision.</param>
    /// <param name="compression">Whether matrices of float32 and bfloat16 are compressed.</param>
    /// <param name="progress">Told the share done, 0..1.</param>
    /// <param name="cancellationToken">Ends the loading between layers.</param>
    /// <exception cref="CheckpointException">A tensor is missing, has another shape than the configuration implies, or does not fit its format.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A token of the draft vocabulary is outside the vocabulary.</exception>
    /// <exception cref="OutOfMemoryException">The weights do not fit into memory.</exception>
    public static CpuModel Load(
        ModelConfig config,
        WeightSource source,
        WeightFormat format,
        int threads,
        SimdPath path,
        IReadOnlyList<int>? draftVocabulary = null,
        FinerWeights finer = FinerWeights.None,
        WeightCompression compression = WeightCompression.Auto,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        var plan = new WeightPlan(config, source, format, finer, path, compression);
        var weights = CpuWeights.Load(config, source, plan, threads, progress, cancellationToken);
        try
        {
            return new CpuModel(config, weights, plan.Format, path, threads, draftVocabulary ?? []);
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    public long BytesRead(int from, int to, bool head)
    {
        var bytes = head ? _weights.Head.Bytes : 0;
        for (var layer = from; layer < to; layer++)
        {
            bytes += _weights.Layers[layer].Bytes;
        }

        return bytes;
    }

    public long KvBytesOf(int positions) => CpuKvCache.BytesOf(Config, positions);

    public KvCache CreateCache()
    {
        ObjectDisposedException.ThrowIf(_disposed, typeof(LayerSkipModel));
        return new CpuKvCache(this);
    }

    public RowBuffer CreateRows(int capacity)
    {
        ObjectDisposedException.ThrowIf(_disposed, typeof(LayerSkipModel));
        return new CpuRows(this, capacity);
    }

    public DraftHead? CreateDraftHead(ReadOnlySpan<int> prompt)
    {
        using var step = Enter();
        if (_draftVocabulary is null)
        {
            return CoarseHead.Suits(_weights.Head) ? new CpuDraftHead(this, shared: null, own: null) : null;
        }

        var own = DraftHead.AddedBy(prompt, _draftVocabulary.Tokens);
        return new CpuDraftHead(this, _draftVocabulary, own.Count > 0 ? new HeadRows(_weights.Head, [.. own], _weights.Head.Kernel.Uncompressed) : null);
    }

    public void Embed(RowBuffer rows, int start, ReadOnlySpan<int> tokens)
    {
        using var step = Enter();
        var hidden = Own(rows).Hidden.Slice(start, tokens.Length);
        for (var i = 0; i < tokens.Length; i++)
        {
            _weights.Embedding.ReadRow(tokens[i], hidden.Row(i, Config.HiddenSize));
        }
    }

    public void RunLayers(RowBuffer rows, int start, int count, int from, int to, CancellationToken cancellationToken = default) =>
        RunFinalLayers(rows, start, count, from, to, unread: 0, cancellationToken);

    public void RunFinalLayers(RowBuffer rows, int start, int count, int from, int to, int unread, CancellationToken cancellationToken = default)
    {
        using var step = Enter();
        Run(Own(rows), start, count, from, to, unread, cancellationToken);
    }

    public bool DraftsBy(DraftWeights weights) => weights != DraftWeights.Exact && CoarseLayers.Suits(WeightFormat);

    public bool PrepareDraftLayers(int layers, DraftWeights weights, CancellationToken cancellationToken = default)
    {
        using var step = Enter();
        var coarse = _coarseLayers[(int)weights] ??= new(_layers, weights, _path, _pool.Threads);
        return coarse.Layers.Layers.Length >= layers || coarse.Make(layers, WeightBytes - coarse.Bytes + KvBytes, cancellationToken);
    }

    public void RunDraftLayers(RowBuffer rows, int start, int count, int from, int to, DraftWeights weights, CancellationToken cancellationToken = default)
    {
        using var step = Enter();
        Run(_coarseLayers[(int)weights]!.Layers, Own(rows), start, count, from, to, unread: 0, cancellationToken);
    }

    public int SharedRows => SharedPass.MostRows;

    public void RunPasses(ReadOnlySpan<RowPass> passes)
    {
        using var step = Enter();
        foreach (ref readonly var pass in passes)
        {
            if (pass.GuessHead is { } head)
            {
                Own(head);
            }
        }

        _sharedPass.Run(passes);
    }

    /// <summary>As <see cref="RunFinalLayers"/>, within a step.</summary>
    internal void Run(CpuRows slots, int start, int count, int from, int to, int unread, CancellationToken cancellationToken) =>
        Run(_layers, slots, start, count, from, to, unread, cancellationToken);

    private void Run(LayerSet layers, CpuRows slots, int start, int count, int from, int to, int unread, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(to, Config.Layers);
        slots.Prepare(start, count);
        var shared = new LayerRows(_qkv.Rows(count), _attended.Rows(count), _gated.Rows(count), _up.Rows(count));
        if (from == to || !_rowSetPass.Suits(layers.Layers[0], slots, start, count))
        {
            RunByOutputs(layers, slots, start, count, from, to, unread, shared, cancellationToken);
            return;
        }

        var way = layers.Rows(count / _pool.Threads);
        var began = Stopwatch.GetTimestamp();
        var isByRows = way.TakesFirst();
        if (isByRows)
        {
            _rowSetPass.Run(layers, slots, start, count, from, to, unread, shared, _weights.Head, cancellationToken);
        }
        else
        {
            RunByOutputs(layers, slots, start, count, from, to, unread, shared, cancellationToken);
        }

        way.Took(isByRows, began, count * (to - from));
    }

    /// <summary>Runs layers with the outputs of each product dealt to threads.</summary>
    private void RunByOutputs(
        LayerSet layers, CpuRows slots, int start, int count, int from, int to, int unread, LayerRows shared, CancellationToken cancellationToken)
    {
        if (_pass.Suits(slots, start, count))
        {
            _pass.Run(layers, slots, start, count, from, to, unread, shared, _weights.Head, cancellationToken);
            return;
        }

        // More rows than a pass takes, or long contexts of heads that threads cannot share evenly: a job for each product, dealt by panels.
        var (hidden, normed) = (slots.Hidden.Slice(start, count), _normed.Rows(count));
        for (var l = from; l < to; l++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var layer = layers.Layers[l];

            _norm.Run(_pool, layer.AttentionNorm, hidden, normed);
            _multiply.Run(_pool, _quantizer, layer.Qkv, layer.QkvBias, normed, shared.Qkv, accumulate: false, layer.Output);
            _append.Run(_pool, slots, start, l, shared.Qkv);
            if (l == to - 1 && unread > 0)
            {
                // What is left of the last layer is for the other rows alone.
                (start, count) = (start + unread, count - unread);
                (hidden, normed, shared) = (hidden.Slice(unread, count), normed.Slice(unread, count), shared.Slice(unread, count));
                if (count == 0)
                {
                    break;
                }
            }

            // The residual stream is what the products accumulate into.
            _attention.Run(_pool, slots, start, l, shared.Qkv, shared.Attended);
            _multiply.Run(_pool, _quantizer, layer.Output, layer.OutputBias, shared.Attended, hidden, accumulate: true, layer.Gate);

            _norm.Run(_pool, layer.MlpNorm, hidden, normed);
            _mlp.Run(_pool, _quantizer, layer, normed, shared.Gated, shared.Up);
            var upcoming = l + 1 < to ? layers.Layers[l + 1].Qkv : _weights.Head;
            _multiply.Run(_pool, _quantizer, layer.Down, layer.DownBias, shared.Gated, hidden, accumulate: true, upcoming);
        }
    }

    public void ArgMax(RowBuffer rows, int start, Span<int> tokens)
    {
        using var step = Enter();
        Heads.ArgMax(Own(rows).Hidden.Slice(start, tokens.Length), tokens);
    }

    public TokenGuess Guess(RowBuffer rows, int slot, DraftHead? head)
    {
        using var step = Enter();
        var hidden = Own(rows).Hidden.Slice(slot, 1);
        return head is not null && GuessingHeadOf(head) is { } guessing ? Heads.Guess(hidden, guessing, Own(head).Own) : Heads.Guess(hidden);
    }

    public bool HasHiddenStates => true;

    public void Normalize(RowBuffer rows, int start, int count, Span<float> states)
    {
        using var step = Enter();
        Heads.Normalize(Own(rows).Hidden.Slice(start, count), states);
    }

    public void Logits(RowBuffer rows, int start, int count, Span<float> logits)
    {
        using var step = Enter();
        Heads.Logits(Own(rows).Hidden.Slice(start, count), logits);
    }

    public void DraftLogits(RowBuffer rows, int slot, Span<float> logits)
    {
        using var step = Enter();
        Heads.Logits(Own(rows).Hidden.Slice(slot, 1), logits, MakeCoarseHead());
    }

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        using (_gate.Enter())
        {
            _disposed = true;
            _pool.Dispose();
            _weights.Dispose();
            _draftVocabulary?.Dispose();
            foreach (var coarse in _coarseLayers)
            {
                coarse?.Dispose();
            }

            _coarseHead?.Dispose();
            _rowAttention.Dispose();
            _pass.Dispose();
            _rowSetPass.Dispose();
            _quantizer.Dispose();
            Heads.Dispose();
            _sharedPass.Dispose();
            foreach (var buffer in (ReadOnlySpan<ActivationBuffer>)[_normed, _qkv, _attended, _gated, _up])
            {
                buffer.Dispose();
            }
        }
    }

    internal void AddKvBytes(long bytes) => Interlocked.Add(ref _kvBytes, bytes);

    internal CpuRows Own(RowBuffer rows) =>
        rows is CpuRows own && own.Model == this ? own : throw new ArgumentException("the rows belong to another model", nameof(rows));

    internal CpuDraftHead Own(DraftHead head) =>
        head is CpuDraftHead own && own.Model == this ? own : throw new ArgumentException("the draft head is of another model", nameof(head));

    /// <summary>What drafts of the whole vocabulary go by, within a step; null: the head itself.</summary>
    internal CoarseHead? MakeCoarseHead()
    {
        if (!_hasTriedCoarseHead && CoarseHead.Suits(_weights.Head))
        {
            _hasTriedCoarseHead = true;
            try
            {
                _coarseHead = new CoarseHead(_weights.Head, _path, _pool.Threads);
            }
            catch (Exception e) when (e is OutOfMemoryException or AggregateException { InnerException: OutOfMemoryException })
            {
                // Drafts can do without it.
            }
        }

        return _coarseHead;
    }

    /// <summary>What a draft's head guesses by, within a step; null: the whole head.</summary>
    internal GuessingHead? GuessingHeadOf(DraftHead head) => Own(head).Shared ?? (GuessingHead?)MakeCoarseHead();

    private StepGate.Step Enter()
    {
        var step = _gate.Enter();
        if (_disposed)
        {
            step.Dispose();
            throw new ObjectDisposedException(nameof(LayerSkipModel));
        }

        return step;
    }
}
