using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Cuda.Driver;
using LayerSkip.Engine.Cuda.Execution;
using LayerSkip.Engine.Cuda.Memory;
using LayerSkip.Engine.Cuda.Rounds;
using LayerSkip.Engine.Cuda.Weights;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Engine.Devices.Cpu.Kernels;
using Greatest = LayerSkip.Engine.Devices.Cpu.Kernels.ArgMax;

namespace LayerSkip.Engine.Cuda;

/// <summary>The transformer on an NVIDIA GPU.</summary>
internal sealed unsafe class CudaModel : IDeviceModel
{
    private const int HeadRows = 64; // of one pass of the head whose logits leave the device

    private readonly StepGate _gate = new();
    private readonly Transformer _transformer;
    private readonly CudaWeights _weights;
    private readonly Scratch _scratch;
    private readonly RoundRunner _rounds;
    private readonly HashSet<int> _draftVocabulary;
    private readonly int[] _draftIds;
    private readonly float[] _listedLogits;
    private readonly ulong _draftList; // {count, id, ...}
    private readonly ulong _choices; // int [HeadRows]
    private readonly int* _choicesOnHost;
    private ulong _logits; // float [HeadRows, vocabulary], once they are asked for
    private ulong _states; // float [HeadRows, padded hidden size], once they are asked for
    private float[]? _logitsOnHost;
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
        _choices = context.Allocate(HeadRows * sizeof(int));
        _choicesOnHost = (int*)context.AllocateHost(HeadRows * sizeof(int));
        _draftVocabulary = [.. draftVocabulary];
        _draftIds = [.. _draftVocabulary];
        _listedLogits = new float[_draftIds.Length + CudaDraftHead.MaxOwn];
        if (_draftIds.Length > 0)
        {
            TokensWithin(config, _draftIds);
            int[] list = [_draftIds.Length, .. _draftIds];
            _draftList = context.Allocate(list.Length * sizeof(int));
            context.Write<int>(_draftList, list);
        }

        _rounds = new RoundRunner(context, _transformer, (_draftList, _draftIds.Length));
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
        if (_draftVocabulary.Count == 0)
        {
            return null;
        }

        // The latest tokens first, should there be too many: a draft that copies mostly copies what was said last.
        var own = new List<int> { 0 };
        for (var i = prompt.Length - 1; i >= 0 && own.Count <= CudaDraftHead.MaxOwn; i--)
        {
            if (!_draftVocabulary.Contains(prompt[i]) && own.IndexOf(prompt[i], 1) < 0)
            {
                own.Add(prompt[i]);
            }
        }

        own[0] = own.Count - 1;
        return new CudaDraftHead(this, [.. own]);
    }

    public void Embed(RowBuffer rows, int start, ReadOnlySpan<int> tokens)
    {
        TokensWithin(Config, tokens);
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
        for (var first = 0; first < tokens.Length; first += HeadRows)
        {
            var some = tokens.Slice(first, Math.Min(HeadRows, tokens.Length - first));
            var slots = BeginKeys(rows, start + first, some.Length);
            _transformer.Head(slots, some.Length);
            Choose(rows, slots, some);
        }
    }

    /// <remarks>How likely a guess is takes all logits, which the host adds up. Who asks for no likelihood is better served by <see cref="RunRound"/>.</remarks>
    public TokenGuess Guess(RowBuffer rows, int slot, DraftHead? head)
    {
        using var step = Enter();
        var own = head is null ? null : Own(head);
        _logitsOnHost ??= new float[Config.VocabularySize];
        ReadLogits(rows, slot, 1, _logitsOnHost);
        if (own is null)
        {
            return Guess(_logitsOnHost);
        }

        var listed = _listedLogits.AsSpan(0, _draftIds.Length + own.Own[0]);
        for (var i = 0; i < listed.Length; i++)
        {
            listed[i] = _logitsOnHost[TokenOf(i)];
        }

        var guess = Guess(listed);
        return guess.Token < 0 ? guess : guess with { Token = TokenOf(guess.Token) };

        int TokenOf(int index) => index < _draftIds.Length ? _draftIds[index] : own.Own[1 + index - _draftIds.Length];
    }

    public void Normalize(RowBuffer rows, int start, int count, Span<float> states)
    {
        using var step = Enter();
        var width = Config.HiddenSize;
        ArgumentOutOfRangeException.ThrowIfNotEqual(states.Length, count * width, nameof(states));
        _ = Own(rows).Pointers(start, count);
        _states = _states != 0 ? _states : Context.Allocate((long)HeadRows * Geometry.Hidden * sizeof(float));
        fixed (float* target = states)
        {
            for (var first = 0; first < count; first += HeadRows)
            {
                var some = Math.Min(HeadRows, count - first);
                _transformer.Choices.Normalize(_states, Own(rows).Pointers(start + first, some), _weights.FinalNorm, some, Geometry);
                for (var row = 0; row < some; row++)
                {
                    Context.Read((nint)(target + ((first + row) * width)), _states + (ulong)(row * Geometry.Hidden * sizeof(float)), width * sizeof(float));
                }

                Context.Synchronize();
            }
        }
    }

    public void Logits(RowBuffer rows, int start, int count, Span<float> logits)
    {
        using var step = Enter();
        ArgumentOutOfRangeException.ThrowIfNotEqual(logits.Length, count * Config.VocabularySize, nameof(logits));
        ReadLogits(rows, start, count, logits);
    }

    public bool RunsRounds(int stopIds) => stopIds <= RoundBlock.MaxStops;

    public GreedyRoundResult RunRound(in GreedyRound round, Span<int> draft, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (round.Cache is not CudaKvCache cache || cache.Model != this)
        {
            throw new ArgumentException("the cache belongs to another model", nameof(round));
        }

        TokensWithin(Config, [round.Token]);
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

    private static void TokensWithin(ModelConfig config, ReadOnlySpan<int> tokens)
    {
        foreach (var token in tokens)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)token, (uint)config.VocabularySize, nameof(tokens));
        }
    }

    private static TokenGuess Guess(ReadOnlySpan<float> logits)
    {
        var best = Greatest.Of(logits);
        return float.IsNaN(logits[best]) ? new(-1, 0) : new(best, (float)(1 / Math.Max(1, SoftmaxSum.Of(logits, logits[best]))));
    }

    /// <summary>Slots whose keys are 0: those that a step left behind when it failed are cleared.</summary>
    private RowPointers BeginKeys(RowBuffer rows, int start, int count)
    {
        var own = Own(rows);
        var slots = own.Pointers(start, count);
        if (own.HasStaleKeys)
        {
            Context.Clear(own.Pointers(0, own.Capacity).Best, (long)own.Capacity * sizeof(ulong));
        }

        own.HasStaleKeys = true;
        return slots;
    }

    private void ReadLogits(RowBuffer rows, int start, int count, Span<float> logits)
    {
        var width = Config.VocabularySize;
        _ = Own(rows).Pointers(start, count);
        _logits = _logits != 0 ? _logits : Context.Allocate((long)HeadRows * width * sizeof(float));
        fixed (float* target = logits)
        {
            for (var first = 0; first < count; first += HeadRows)
            {
                var some = Math.Min(HeadRows, count - first);
                _transformer.Logits(_logits, Own(rows).Pointers(start + first, some), some);
                Context.Read((nint)(target + ((long)first * width)), _logits, (long)some * width * sizeof(float));
                Context.Synchronize();
            }
        }
    }

    private void Choose(RowBuffer rows, in RowPointers slots, Span<int> tokens)
    {
        _transformer.Choices.Choose(_choices, slots, tokens.Length);
        Own(rows).HasStaleKeys = false;
        Context.Read((nint)_choicesOnHost, _choices, tokens.Length * sizeof(int));
        Context.Synchronize();
        new ReadOnlySpan<int>(_choicesOnHost, tokens.Length).CopyTo(tokens);
    }

    private CudaRows Own(RowBuffer rows) =>
        rows is CudaRows own && own.Model == this ? own : throw new ArgumentException("the rows belong to another model", nameof(rows));

    private CudaDraftHead Own(DraftHead head) =>
        head is CudaDraftHead own && own.Model == this ? own : throw new ArgumentException("the draft head is of another model", nameof(head));
}
