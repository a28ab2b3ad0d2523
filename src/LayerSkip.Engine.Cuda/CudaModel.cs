using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Cuda.Driver;
using LayerSkip.Engine.Cuda.Execution;
using LayerSkip.Engine.Cuda.Memory;
using LayerSkip.Engine.Cuda.Rounds;
using LayerSkip.Engine.Cuda.Weights;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Devices.Cpu;

namespace LayerSkip.Engine.Cuda;

/// <summary>The transformer on an NVIDIA GPU.</summary>
internal sealed class CudaModel : IDeviceModel
{
    private readonly StepGate _gate = new();
    private readonly Transformer _transformer;
    private readonly CudaWeights _weights;
    private readonly Scratch _scratch;
    private readonly RoundRunner _rounds;
    private readonly HeadPasses _heads;
    private readonly DraftVocabulary _draftVocabulary;
    private long _kvBytes;
    private bool _disposed;

    private CudaModel(CudaContext context, ModelConfig config, CudaWeights weights, WeightFormat format, IReadOnlyList<int> draftVocabulary)
    {
        Context = context;
        Geometry = new Geometry(config);
        WeightFormat = format;
        Device = $"cuda:{context.Device.Ordinal} ({context.Device.Name})";
        _weights = weights;
        _transformer = new Transformer(context, weights, Geometry);
        _scratch = new Scratch(context, Geometry);
        Pages = new SlabPool(context, Geometry.PageBytes);
        Tables = new SlabPool(context, Geometry.MaxPages * sizeof(ulong));
        Rows = new RowPools(context, Geometry);
        context.Reclaim = () => Pages.Trim() | Tables.Trim() | Rows.Trim();
        _draftVocabulary = new DraftVocabulary(context, config, draftVocabulary);
        _heads = new HeadPasses(context, _transformer, _draftVocabulary);
        _rounds = new RoundRunner(context, _transformer, _draftVocabulary);
        context.Synchronize();
        MemoryBytes = context.FreeBytes() + weights.Bytes;
    }

    public ModelConfig Config => Geometry.Config;

    public WeightFormat WeightFormat { get; }

    public string Device { get; }

    public long WeightBytes => _weights.Bytes;

    public long? MemoryBytes { get; }

    public long KvBytes => Interlocked.Read(ref _kvBytes);

    public bool HasHiddenStates => true;

    /// <summary>Sizes.</summary>
    public Geometry Geometry { get; }

    /// <summary>The device, for who holds the gate.</summary>
    public CudaContext Context { get; }

    /// <summary>Pages of caches.</summary>
    public SlabPool Pages { get; }

    /// <summary>Tables of caches' pages.</summary>
    public SlabPool Tables { get; }

    /// <summary>Memory of row buffers.</summary>
    public RowPools Rows { get; }

    /// <summary>Copies a model's weights to a device.</summary>
    /// <param name="driver">The driver.</param>
    /// <param name="device">Of the driver.</param>
    /// <param name="config">The model's shape.</param>
    /// <param name="source">Its weights; not needed afterwards.</param>
    /// <param name="format">How to keep the matrices.</param>
    /// <param name="draftVocabulary">Tokens that drafts choose among, beside the prompt's; null or empty: all.</param>
    /// <param name="finer">Matrices to keep in the source's own precision.</param>
    /// <param name="progress">Told the share done, 0..1.</param>
    /// <param name="cancellationToken">Ends the loading between layers.</param>
    /// <exception cref="CheckpointException">A tensor is missing or has another shape than the configuration implies.</exception>
    /// <exception cref="CudaException">A call of the driver failed.</exception>
    /// <exception cref="DeviceException">The kernels do not serve the model's shape.</exception>
    /// <exception cref="OutOfMemoryException">The weights do not fit into the device's memory.</exception>
    public static CudaModel Load(
        CudaDriver driver,
        CudaDeviceInfo device,
        ModelConfig config,
        WeightSource source,
        WeightFormat format,
        IReadOnlyList<int>? draftVocabulary = null,
        FinerWeights finer = FinerWeights.None,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        if (config.HeadDimension > Geometry.MaxHeadDimension)
        {
            throw new DeviceException($"the CUDA device serves heads of up to {Geometry.MaxHeadDimension} dimensions, the model's have {config.HeadDimension}");
        }

        var plan = new FormatPlan(config, source, format, finer);
        var context = new CudaContext(driver, device);
        try
        {
            var (needed, free) = (plan.Bytes, context.FreeBytes());
            if (needed > free)
            {
                throw new InsufficientMemoryException($"the weights take {needed >> 20} MiB, but {device.Name} has {free >> 20} MiB free");
            }

            var weights = CudaWeights.Load(context, plan, progress, cancellationToken);
            return new CudaModel(context, config, weights, plan.Format, draftVocabulary ?? []);
        }
        catch
        {
            context.Dispose();
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

    public long KvBytesOf(int positions) => Geometry.Pages(positions) * Geometry.PageBytes;

    public KvCache CreateCache()
    {
        ObjectDisposedException.ThrowIf(_disposed, typeof(LayerSkipModel));
        return new CudaKvCache(this);
    }

    public RowBuffer CreateRows(int capacity)
    {
        ObjectDisposedException.ThrowIf(_disposed, typeof(LayerSkipModel));
        return new CudaRows(this, capacity);
    }

    public DraftHead? CreateDraftHead(ReadOnlySpan<int> prompt)
    {
        ObjectDisposedException.ThrowIf(_disposed, typeof(LayerSkipModel));
        return _draftVocabulary.IsEmpty ? null : new CudaDraftHead(this, DraftHead.AddedBy(prompt, _draftVocabulary.Members));
    }

    public void Embed(RowBuffer rows, int start, ReadOnlySpan<int> tokens)
    {
        TokenChecks.CheckTokens(Config, tokens, nameof(tokens));
        using var step = Enter();
        var slots = Own(rows).Pointers(start, tokens.Length);
        Context.Write(slots.Tokens, tokens);
        _transformer.Embed(slots, tokens.Length);
    }

    public void RunLayers(RowBuffer rows, int start, int count, int from, int to, CancellationToken cancellationToken = default)
    {
        using var step = Enter();
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(to, Config.Layers);
        var slots = Own(rows).Pointers(start, count);
        var spans = Geometry.Spans(Own(rows).Context(start, count));
        _scratch.Reserve(count, spans);
        _transformer.Run(slots, count, from, to, _scratch, spans, cancellationToken);
    }

    public void ArgMax(RowBuffer rows, int start, Span<int> tokens)
    {
        using var step = Enter();
        _heads.ArgMax(Own(rows), start, tokens);
    }

    /// <remarks>How likely a guess is takes all logits, which the host adds up. Who asks for no likelihood is better served by <see cref="RunRound"/>.</remarks>
    public TokenGuess Guess(RowBuffer rows, int slot, DraftHead? head)
    {
        using var step = Enter();
        return _heads.Guess(Own(rows), slot, head is null ? null : Own(head));
    }

    public void Normalize(RowBuffer rows, int start, int count, Span<float> states)
    {
        using var step = Enter();
        ArgumentOutOfRangeException.ThrowIfNotEqual(states.Length, count * Config.HiddenSize, nameof(states));
        _heads.Normalize(Own(rows), start, count, states);
    }

    public void Logits(RowBuffer rows, int start, int count, Span<float> logits)
    {
        using var step = Enter();
        ArgumentOutOfRangeException.ThrowIfNotEqual(logits.Length, count * Config.VocabularySize, nameof(logits));
        _heads.Logits(Own(rows), start, count, logits);
    }

    public bool RunsRounds(int stopIds) => stopIds <= RoundBlock.MaxStops;

    public GreedyRoundResult RunRound(in GreedyRound round, Span<int> draft, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (round.Cache is not CudaKvCache cache || cache.Model != this)
        {
            throw new ArgumentException("the cache belongs to another model", nameof(round));
        }

        TokenChecks.CheckTokens(Config, [round.Token], nameof(round));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(round.Length, RoundBlock.Slots - 1, nameof(round));
        cache.Reserve(round.Position + 1 + round.Room);
        using var step = Enter();
        return _rounds.Run(round, cache.Table, round.Head is { } head ? Own(head) : null, draft);
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
            Context.Dispose();
        }
    }

    /// <summary>Waits for the device, and makes its context the thread's.</summary>
    internal StepGate.Step Enter()
    {
        var step = _gate.Enter();
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(LayerSkipModel));
            Context.Enter();
            return step;
        }
        catch
        {
            step.Dispose();
            throw;
        }
    }

    internal void AddKvBytes(long bytes) => Interlocked.Add(ref _kvBytes, bytes);

    private CudaRows Own(RowBuffer rows) =>
        rows is CudaRows own && own.Model == this ? own : throw new ArgumentException("the rows belong to another model", nameof(rows));

    private CudaDraftHead Own(DraftHead head) =>
        head is CudaDraftHead own && own.Model == this ? own : throw new ArgumentException("the draft head is of another model", nameof(head));
}
