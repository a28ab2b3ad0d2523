using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Tests.Devices;

/// <summary>Tells a test of the steps that a model is asked for, and lets it fail them.</summary>
/// <param name="inner">Does the work.</param>
internal sealed class WatchedDevice(IDeviceModel inner) : DelegatingDevice(inner), IDeviceModel
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

    /// <summary>A model without a tokenizer.</summary>
    public LayerSkipModel ToModel() => LayerSkipModel.FromDevice("watched", this, new(), tokenizer: null!);

    public override long KvBytesOf(int positions)
    {
        SizingCache?.Invoke();
        return Inner.KvBytesOf(positions);
    }

    public override KvCache CreateCache()
    {
        CreatingCache?.Invoke();
        return Inner.CreateCache();
    }

    public override RowBuffer CreateRows(int capacity)
    {
        CreatingRows?.Invoke();
        return Inner.CreateRows(capacity);
    }

    public override DraftHead? CreateDraftHead(ReadOnlySpan<int> prompt) => DraftHead = Inner.CreateDraftHead(prompt) is { } head ? new(head) : null;

    public override void Embed(RowBuffer rows, int start, ReadOnlySpan<int> tokens)
    {
        Embedding?.Invoke(tokens.Length);
        Inner.Embed(rows, start, tokens);
    }

    public override void RunLayers(RowBuffer rows, int start, int count, int from, int to, CancellationToken cancellationToken = default)
    {
        RunningLayers?.Invoke(cancellationToken);
        Inner.RunLayers(rows, start, count, from, to, cancellationToken);
        LayersRun?.Invoke();
    }

    public override int SharedRows => Inner.SharedRows;

    public int SharedPromptRows => Inner.SharedPromptRows;

    public void RunPasses(ReadOnlySpan<RowPass> passes)
    {
        RunningPasses?.Invoke(passes.Length);
        Inner.RunPasses([.. passes.ToArray().Select(static pass => pass with { GuessHead = (pass.GuessHead as WatchedDraftHead)?.Inner })]);
    }

    public bool DrawsTokens => Inner.DrawsTokens;

    public void Draw(RowBuffer rows, int start, TokenDraw draw, Span<TokenGuess> tokens) => Inner.Draw(rows, start, draw, tokens);

    public bool RunsRounds(int stopIds) => MakesWholeRounds || (HasWholeRounds && Inner.RunsRounds(stopIds));

    public DeviceRoundResult RunRound(in DeviceRound round, CancellationToken cancellationToken = default) =>
        MakesWholeRounds ? MakeRound(round) : Inner.RunRound(round, cancellationToken);

    public void RunRounds(ReadOnlySpan<DeviceRound> rounds, Span<DeviceRoundResult> results)
    {
        RunningPasses?.Invoke(rounds.Length);
        if (!MakesWholeRounds)
        {
            Inner.RunRounds(rounds, results);
            return;
        }

        for (var i = 0; i < rounds.Length; i++)
        {
            results[i] = MakeRound(rounds[i]);
        }
    }

    public override TokenGuess Guess(RowBuffer rows, int slot, DraftHead? head) => Inner.Guess(rows, slot, (head as WatchedDraftHead)?.Inner);

    public void DraftLogits(RowBuffer rows, int slot, Span<float> logits) => Inner.DraftLogits(rows, slot, logits);

    public override void Dispose()
    {
        base.Dispose();
        Inner.Dispose();
    }

    private DeviceRoundResult MakeRound(in DeviceRound round)
    {
        Assert.Equal((0, null), (round.Length, round.Draw));
        using var rows = Inner.CreateRows(1);
        rows.Place(0, 1, round.Cache, round.Position);
        Inner.Embed(rows, 0, [round.Token]);
        Inner.RunLayers(rows, 0, 1, 0, round.Depth);
        var next = new int[1];
        Inner.ArgMax(rows, 0, next);
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
