using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Tests.Devices;

/// <summary>Tells a test of the steps that a model is asked for, and lets it fail them.</summary>
/// <param name="inner">Does the work.</param>
internal sealed class WatchedDevice(IDeviceModel inner) : IDeviceModel
{
    /// <summary>A cache is about to be made.</summary>
    public Action? CreatingCache { get; set; }

    /// <summary>Rows are about to be made.</summary>
    public Action? CreatingRows { get; set; }

    /// <summary>The draft head that was made last.</summary>
    public WatchedDraftHead? DraftHead { get; private set; }

    /// <summary>So many tokens are about to get their rows.</summary>
    public Action<int>? Embedding { get; set; }

    /// <summary>Layers are about to be run, and this may end it.</summary>
    public Action<CancellationToken>? RunningLayers { get; set; }

    /// <summary>Layers have been run, the step's caches are there.</summary>
    public Action? LayersRun { get; set; }

    /// <summary>So many passes, or whole rounds, are about to be run together.</summary>
    public Action<int>? RunningPasses { get; set; }

    /// <summary>Whether rounds are run as a whole where the device can.</summary>
    public bool HasWholeRounds { get; init; }

    /// <summary>Whether rounds that draft nothing are run as a whole here, whatever the device can.</summary>
    public bool MakesWholeRounds { get; init; }

    /// <summary>Bytes are about to be computed.</summary>
    public Action? SizingCache { get; set; }

    public ModelConfig Config => inner.Config;

    public WeightFormat WeightFormat => inner.WeightFormat;

    public string Device => inner.Device;

    public long WeightBytes => inner.WeightBytes;

    public long KvBytes => inner.KvBytes;

    public bool HasHiddenStates => inner.HasHiddenStates;

    /// <summary>A model without a tokenizer.</summary>
    public LayerSkipModel ToModel() => LayerSkipModel.FromDevice("watched", this, new(), tokenizer: null!);

    public long BytesRead(int from, int to, bool head) => inner.BytesRead(from, to, head);

    public long KvBytesOf(int positions)
    {
        SizingCache?.Invoke();
        return inner.KvBytesOf(positions);
    }

    public KvCache CreateCache()
    {
        CreatingCache?.Invoke();
        return inner.CreateCache();
    }

    public RowBuffer CreateRows(int capacity)
    {
        CreatingRows?.Invoke();
        return inner.CreateRows(capacity);
    }

    public DraftHead? CreateDraftHead(ReadOnlySpan<int> prompt) => DraftHead = inner.CreateDraftHead(prompt) is { } head ? new(head) : null;

    public void Embed(RowBuffer rows, int start, ReadOnlySpan<int> tokens)
    {
        Embedding?.Invoke(tokens.Length);
        inner.Embed(rows, start, tokens);
    }

    public void RunLayers(RowBuffer rows, int start, int count, int from, int to, CancellationToken cancellationToken = default)
    {
        RunningLayers?.Invoke(cancellationToken);
        inner.RunLayers(rows, start, count, from, to, cancellationToken);
        LayersRun?.Invoke();
    }

    public int SharedRows => inner.SharedRows;

    public int SharedPromptRows => inner.SharedPromptRows;

    public void RunPasses(ReadOnlySpan<RowPass> passes)
    {
        RunningPasses?.Invoke(passes.Length);
        inner.RunPasses([.. passes.ToArray().Select(static pass => pass with { GuessHead = (pass.GuessHead as WatchedDraftHead)?.Inner })]);
    }

    public bool DrawsTokens => inner.DrawsTokens;

    public void Draw(RowBuffer rows, int start, TokenDraw draw, Span<TokenGuess> tokens) => inner.Draw(rows, start, draw, tokens);

    public bool RunsRounds(int stopIds) => MakesWholeRounds || (HasWholeRounds && inner.RunsRounds(stopIds));

    public DeviceRoundResult RunRound(in DeviceRound round, CancellationToken cancellationToken = default) =>
        MakesWholeRounds ? MakeRound(round) : inner.RunRound(round, cancellationToken);

    public void RunRounds(ReadOnlySpan<DeviceRound> rounds, Span<DeviceRoundResult> results)
    {
        RunningPasses?.Invoke(rounds.Length);
        if (!MakesWholeRounds)
        {
            inner.RunRounds(rounds, results);
            return;
        }

        for (var i = 0; i < rounds.Length; i++)
        {
            results[i] = MakeRound(rounds[i]);
        }
    }

    public void ArgMax(RowBuffer rows, int start, Span<int> tokens) => inner.ArgMax(rows, start, tokens);

    public TokenGuess Guess(RowBuffer rows, int slot, DraftHead? head) => inner.Guess(rows, slot, (head as WatchedDraftHead)?.Inner);

    public void Normalize(RowBuffer rows, int start, int count, Span<float> states) => inner.Normalize(rows, start, count, states);

    public void Logits(RowBuffer rows, int start, int count, Span<float> logits) => inner.Logits(rows, start, count, logits);

    public void DraftLogits(RowBuffer rows, int slot, Span<float> logits) => inner.DraftLogits(rows, slot, logits);

    public void Dispose() => inner.Dispose();

    private DeviceRoundResult MakeRound(in DeviceRound round)
    {
        Assert.Equal((0, null), (round.Length, round.Draw));
        using var rows = inner.CreateRows(1);
        rows.Place(0, 1, round.Cache, round.Position);
        inner.Embed(rows, 0, [round.Token]);
        inner.RunLayers(rows, 0, 1, 0, round.Depth);
        var next = new int[1];
        inner.ArgMax(rows, 0, next);
        return new(Drafted: 0, Accepted: 0, next[0]);
    }

    /// <summary>Tells whether it was disposed.</summary>
    internal sealed class WatchedDraftHead(DraftHead inner) : DraftHead
    {
        public DraftHead Inner => inner;

        public bool IsDisposed { get; private set; }

        public override void Dispose()
        {
            IsDisposed = true;
            inner.Dispose();
        }
    }
}
