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

/// <summary>The transformer on an NVIDIA GPU, or on several that have some of its layers each.</summary>
internal sealed class CudaModel : IDeviceModel
{
    private readonly StepGate _gate = new();
    private readonly Pipeline _pipeline;
    private readonly RoundRunner? _rounds; // of a single GPU
    private readonly SharedRounds? _sharedRounds; // likewise
    private readonly HeadPasses _heads;
    private readonly SharedPass _sharedPass;
    private readonly DraftVocabulary _draftVocabulary;
    private readonly long _pageBytes;
    private long _kvBytes;
    private bool _disposed;

    private CudaModel(Geometry geometry, CudaStage[] stages, WeightFormat format, IReadOnlyList<int> draftVocabulary)
    {
        Geometry = geometry;
        Stages = stages;
        WeightFormat = format;
        WeightBytes = stages.Sum(stage => stage.Weights.Bytes);
        _pageBytes = stages.Sum(stage => stage.PageBytes);
        _pipeline = new Pipeline(stages, geometry);
        Context.Enter();
        var transformer = stages[0].Transformer;
        _draftVocabulary = new DraftVocabulary(Context, Config, draftVocabulary);
        var logits = new LogitMemory(Context, geometry);
        _heads = new HeadPasses(Context, transformer, _draftVocabulary, logits);
        _sharedPass = new SharedPass(this, _pipeline, _heads);
        if (stages.Length == 1)
        {
            var graphs = new RoundGraphs(Context, geometry, logits);
            _rounds = new RoundRunner(Context, transformer, _draftVocabulary, logits, graphs);
            _sharedRounds = new SharedRounds(Context, transformer, _draftVocabulary, logits, graphs);
        }

        var cacheable = long.MaxValue;
        foreach (var stage in stages)
        {
            stage.Context.Enter();
            stage.Context.Synchronize();

            // A cache of all layers grows no further than the GPU allows that has the least memory for its layers.
            cacheable = Math.Min(cacheable, stage.Context.FreeBytes() / stage.Layers * Config.Layers);
        }

        MemoryBytes = cacheable + WeightBytes;
    }

    public ModelConfig Config => Geometry.Config;

    public WeightFormat WeightFormat { get; }

    public string Device => Stages.Length == 1
        ? $"cuda:{Context.Device.Ordinal} ({Context.Device.Name})"
        : string.Join(" + ", Stages.Select(stage => $"cuda:{stage.Context.Device.Ordinal} ({stage.Context.Device.Name}, {stage.Layers} layers)"));

    public long WeightBytes { get; }

    public long? MemoryBytes { get; }

    public long KvBytes => Interlocked.Read(ref _kvBytes);

    public bool HasHiddenStates => true;

    /// <summary>Sizes.</summary>
    public Geometry Geometry { get; }

    /// <summary>The GPUs, in the order of their layers.</summary>
    public CudaStage[] Stages { get; }

    /// <summary>The first GPU, for who holds the gate.</summary>
    public CudaContext Context => Stages[0].Context;

    /// <summary>Copies a model's weights to a GPU, or to several where none has room for all.</summary>
    /// <param name="driver">The driver.</param>
    /// <param name="devices">Those of the driver's that may be taken: <see cref="Placement"/> says which are.</param>
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
    /// <exception cref="OutOfMemoryException">The model does not fit into the devices' memory.</exception>
    public static CudaModel Load(
        CudaDriver driver,
        IReadOnlyList<CudaDeviceInfo> devices,
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
        var geometry = new Geometry(config);
        var taken = Placement.Take(driver, devices, MemoryDemand.Of(plan, geometry));
        try
        {
            var stages = new List<CudaStage>();
            var first = 0;
            foreach (var (context, layers) in taken)
            {
                context.Enter();
                var weights = CudaWeights.Load(context, plan, first, layers, ends: stages.Count == 0, progress, cancellationToken);
                stages.Add(new CudaStage(context, weights, geometry, first));
                first += layers;
            }

            return new CudaModel(geometry, [.. stages], plan.Format, draftVocabulary ?? []);
        }
        catch
        {
            foreach (var (context, _) in taken)
            {
                context.Dispose();
            }

            throw;
        }
    }

    public long BytesRead(int from, int to, bool head)
    {
        var bytes = head ? Stages[0].Weights.Ends.Head.Bytes : 0;
        foreach (var stage in Stages)
        {
            for (var layer = Math.Max(from, stage.First); layer < Math.Min(to, stage.End); layer++)
            {
                bytes += stage.Weights.Layers[layer - stage.First].Bytes;
            }
        }

        return bytes;
    }

    public long KvBytesOf(int positions) => Geometry.Pages(positions) * _pageBytes;

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
        Stages[0].Transformer.Embed(slots, tokens.Length);
        _pipeline.Turn(Own(rows), start, tokens.Length, embedded: true);
    }

    public void RunLayers(RowBuffer rows, int start, int count, int from, int to, CancellationToken cancellationToken = default)
    {
        using var step = Enter();
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(to, Config.Layers);
        _pipeline.Run(Own(rows), start, count, from, to, cancellationToken);
    }

    public int SharedRows => SharedPass.MostRows;

    public int SharedPromptRows => SharedPass.MostPromptRows;

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

    public void ArgMax(RowBuffer rows, int start, Span<int> tokens)
    {
        using var step = Enter();
        _heads.ArgMax(Own(rows), start, tokens);
    }

    /// <remarks>How likely a guess is takes the logits of all tokens. Who asks for no likelihood is better served by <see cref="RunRound"/>.</remarks>
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

    public bool DrawsTokens => true;

    public void Draw(RowBuffer rows, int start, TokenDraw draw, Span<TokenGuess> tokens)
    {
        using var step = Enter();
        _heads.Draw(Own(rows), start, draw, tokens);
    }

    /// <remarks>A graph is of one GPU.</remarks>
    public bool RunsRounds(int stopIds) => _rounds is not null && stopIds <= RoundBlock.MaxStops;

    public DeviceRoundResult RunRound(in DeviceRound round, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ArgumentOutOfRangeException.ThrowIfGreaterThan(round.Slots, RoundBlock.Slots, nameof(round));
        MakeRoom(round);
        using var step = Enter();
        return _rounds!.Run(round);
    }

    public void RunRounds(ReadOnlySpan<DeviceRound> rounds, Span<DeviceRoundResult> results)
    {
        foreach (ref readonly var round in rounds)
        {
            MakeRoom(round);
        }

        using var step = Enter();
        _sharedRounds!.Run(rounds, results);
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
            _sharedPass.Dispose();
            foreach (var stage in Stages)
            {
                stage.Context.Dispose();
            }
        }
    }

    /// <summary>Waits for the device, and makes its context the thread's.</summary>
    internal StepGate.Step Enter()
    {
        var step = _gate.Enter();
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(LayerSkipModel));
            foreach (var stage in Stages)
            {
                if (stage.Context.IsLost)
                {
                    stage.Context.Enter();
                }
            }

            Context.Enter();
            return step;
        }
        catch
        {
            step.Dispose();
            throw;
        }
    }

    /// <summary>Makes a GPU's context the thread's, where there are several; the gate has been entered.</summary>
    internal void EnterStage(int stage)
    {
        if (Stages.Length > 1)
        {
            Stages[stage].Context.Enter();
        }
    }

    internal CudaRows Own(RowBuffer rows) =>
        rows is CudaRows own && own.Model == this ? own : throw new ArgumentException("the rows belong to another model", nameof(rows));

    internal void AddKvBytes(long bytes) => Interlocked.Add(ref _kvBytes, bytes);

    /// <summary>Checks a round, and makes room in its cache.</summary>
    private void MakeRoom(in DeviceRound round)
    {
        if (round.Cache is not CudaKvCache cache || cache.Model != this)
        {
            throw new ArgumentException("the cache belongs to another model", nameof(round));
        }

        if (round.Head is { } head)
        {
            Own(head);
        }

        TokenChecks.CheckTokens(Config, [round.Token], nameof(round));
        cache.Reserve(round.Position + 1 + round.Room);
    }

    private CudaDraftHead Own(DraftHead head) =>
        head is CudaDraftHead own && own.Model == this ? own : throw new ArgumentException("the draft head is of another model", nameof(head));
}
