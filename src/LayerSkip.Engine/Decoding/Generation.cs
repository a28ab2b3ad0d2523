using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding.Drafting;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Decoding;

/// <summary>One sequence being decoded, round by round.</summary>
/// <remarks>
/// Used by one thread at a time; several generations of a model may run at once. A round that throws (a logits processor, cancellation) leaves the generation where the round began.
/// </remarks>
public sealed class Generation : IDisposable
{
    /// <summary>Most prompt rows of one pass: enough for the matrix kernels to run at full speed, and few enough to be through soon where the model is small.</summary>
    internal const int PrefillRows = 256;

    private readonly DecodingPlan _plan;
    private readonly SequenceMemory _memory;
    private readonly SelfSpeculation _decoding;
    private readonly Transcript _tokens;
    private bool _hasLostCache;
    private bool _disposed;

    internal Generation(
        IDeviceModel model,
        ReadOnlySpan<int> prompt,
        DecodingPlan plan,
        IDraftController? controller = null,
        StepCostBook? costBook = null,
        string name = "model")
    {
        TokenChecks.CheckPrompt(model.Config, prompt);
        _plan = plan;
        _memory = new SequenceMemory(model, plan, prompt);
        try
        {
            foreach (var processor in plan.LogitsProcessors)
            {
                processor.Begin(prompt);
            }

            _decoding = new SelfSpeculation(model, prompt, plan, _memory, controller, costBook, name);
        }
        catch
        {
            _memory.Dispose();
            throw;
        }

        _tokens = _decoding.Tokens;
    }

    /// <summary>Tokens of the prompt.</summary>
    public int PromptTokens => _tokens.PromptTokens;

    /// <summary>All tokens generated so far; an end-of-sequence token that ended the generation is the last of them.</summary>
    public ReadOnlySpan<int> Output => _tokens.Slice(PromptTokens, _tokens.OutputCount);

    /// <summary>The tokens that the last call of <see cref="NextRound"/> added.</summary>
    public ReadOnlySpan<int> RoundTokens => _tokens.Slice(_tokens.RoundStart, _tokens.Count - _tokens.RoundStart);

    /// <summary>All tokens drafted in the last round, rejected ones and those that a constraint forced included: not verified, for display only.</summary>
    public ReadOnlySpan<int> RoundDraft => _decoding.DraftTokens;

    /// <summary>How many of <see cref="RoundDraft"/> the full model confirmed; they lead <see cref="RoundTokens"/>.</summary>
    public int RoundAccepted => _decoding.Draft.Accepted;

    /// <summary>Why the generation ended; <see cref="FinishReason.None"/> while it goes on.</summary>
    public FinishReason FinishReason => _decoding.FinishReason;

    /// <summary>How tokens are decoded.</summary>
    public DecodingMode Mode => _plan.Mode;

    /// <summary>
    /// Layers the draft runs, the first one where a controller chooses its exit (those of the exit in <see cref="DecodingMode.EarlyExit"/>), or the
    /// model's depth.
    /// </summary>
    public int ExitLayer => _plan.ExitLayer;

    /// <summary>What decides about drafts; null where nothing is drafted.</summary>
    public DraftController? Controller => _plan.NumSpeculations > 0 ? _plan.Controller : null;

    /// <summary>Most tokens drafted in a round; 0 where nothing is drafted.</summary>
    public int NumSpeculations => _plan.NumSpeculations;

    /// <summary>Counts and times so far.</summary>
    public GenerationStatistics Statistics => _decoding.Statistics.Snapshot(_tokens.OutputCount, KvBytes);

    /// <summary>How many of the first so many output tokens were drafted and confirmed.</summary>
    internal int CountAccepted(int tokens) => _decoding.Statistics.CountAccepted(tokens);

    /// <summary>How likely an output token was to the model.</summary>
    /// <param name="index">Index in <see cref="Output"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such token.</exception>
    /// <exception cref="InvalidOperationException"><see cref="DecodingOptions.TopLogProbabilities"/> was null.</exception>
    public OutputLogProbabilities LogProbabilities(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Output.Length);
        return FinalLogProbabilities(index);
    }

    /// <summary>Where a constraint began to shorten the output for want of room, as an index in <see cref="Output"/>; may be read while another thread runs the next round.</summary>
    internal int? CurtailedAt => _decoding.Constraint?.CurtailedAt;

    /// <summary>Its cache: a new one where it has none yet, or has given it away.</summary>
    internal KvCache Cache => _decoding.Cache;

    /// <summary>Bytes of its cache.</summary>
    internal long KvBytes => _memory.KvBytes;

    /// <summary>How many of its tokens have run the first <paramref name="depth"/> layers, and are in its cache.</summary>
    internal int ValidLength(int depth) => _memory.ValidLength(depth);

    /// <summary>Layers that decide a token, and that the cache is of.</summary>
    internal int Depth => _plan.Depth;

    /// <summary>Which generations may share what they have computed.</summary>
    internal string? PrefixScope => _plan.PrefixScope;

    /// <summary>Prompt and output.</summary>
    internal ReadOnlySpan<int> Tokens => _tokens.With(0);

    /// <summary>Positions that the cache needs for a round, and a draft as long as may be.</summary>
    internal int RoundPositions => _decoding.RoundPositions;

    /// <summary>Tokens that the next step brings into the cache, before it decodes any: 1 where the last one alone is not there yet, <see cref="PieceRows"/> of a long prompt.</summary>
    internal int NextRows => Math.Min(_tokens.Count - _memory.Length, PieceRows);

    /// <inheritdoc cref="PromptPieces.Rows"/>
    internal int PieceRows
    {
        get => _decoding.PieceRows;
        set => _decoding.PieceRows = value;
    }

    /// <summary>Whether a piece of a long prompt comes next, not a round.</summary>
    internal bool IsLongPrompt => _decoding.PiecePositions is not null;

    /// <summary>Positions that the cache needs for the next step: a round, or a piece of a long prompt.</summary>
    internal int NextPositions => _decoding.PiecePositions ?? RoundPositions;

    /// <summary>Positions that the next step cannot do without.</summary>
    internal int LeastPositions => _decoding.PiecePositions ?? _tokens.Count;

    /// <summary>Most positions of the cache that a draft may come to take; a longer one is cut.</summary>
    internal int MaxPositions
    {
        get => _decoding.MaxPositions;
        set => _decoding.MaxPositions = value;
    }

    /// <summary>Output tokens that are final; may be read while another thread runs the next round.</summary>
    internal ReadOnlySpan<int> Final(int start, int count) => _tokens.Slice(PromptTokens + start, count);

    /// <summary>Log-probabilities of an output token that is final; may be read while another thread runs the next round.</summary>
    internal OutputLogProbabilities FinalLogProbabilities(int index) => _decoding.LogProbabilities is { } recorded
        ? recorded[index]
        : throw new InvalidOperationException("the request did not ask for log-probabilities: DecodingOptions.TopLogProbabilities was null");

    /// <summary>Runs one round, or one piece of a long prompt (which adds no tokens, as a round does not where a constraint bans all that a device wrote by itself).</summary>
    /// <param name="cancellationToken">Looked at between layers.</param>
    /// <returns>False if the generation had already ended; true otherwise, with the new tokens in <see cref="RoundTokens"/>.</returns>
    /// <exception cref="ObjectDisposedException">The generation or its model has been disposed.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the generation stands where the round began, and may go on.</exception>
    /// <exception cref="OutOfMemoryException">The KV cache cannot grow.</exception>
    /// <exception cref="CheckpointException">The model computes no finite numbers: its weights are damaged.</exception>
    /// <exception cref="InvalidOperationException">No token can be chosen: logits processors or a constraint ban them all.</exception>
    public bool NextRound(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _decoding.Step(cancellationToken);
    }

    /// <inheritdoc cref="RoundWait.Pass"/>
    internal RowPass? Pass => _decoding.Wait.Pass;

    /// <inheritdoc cref="RoundWait.IsDrafting"/>
    internal bool IsDrafting => _decoding.Wait.IsDrafting;

    /// <inheritdoc cref="RoundWait.WholeRound"/>
    internal DeviceRound? WholeRound => _decoding.Wait.WholeRound;

    /// <summary>Whether it has begun a round that others' may be run with.</summary>
    internal bool Waits => _decoding.Wait.Waits;

    /// <inheritdoc cref="SelfSpeculation.RunsWhole"/>
    internal bool RunsWhole => _decoding.RunsWhole;

    /// <inheritdoc cref="SelfSpeculation.Share"/>
    internal void Share(int company) => _decoding.Share(company);

    /// <summary>The first part of <see cref="NextRound"/>, as <see cref="SelfSpeculation.Begin"/> tells.</summary>
    internal void BeginRound(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _decoding.Begin(cancellationToken);
    }

    /// <inheritdoc cref="SelfSpeculation.TakePass"/>
    internal RowPass TakePass() => _decoding.TakePass();

    /// <inheritdoc cref="SelfSpeculation.PassHasRun"/>
    internal void PassHasRun(in SharedPassTime time) => _decoding.PassHasRun(time);

    /// <inheritdoc cref="SelfSpeculation.RoundHasRun"/>
    internal void RoundHasRun(in DeviceRoundResult result, long ticks) => _decoding.RoundHasRun(result, ticks);

    /// <inheritdoc cref="SelfSpeculation.GoOn"/>
    internal void GoOn(CancellationToken cancellationToken) => _decoding.GoOn(cancellationToken);

    /// <summary>What is left of <see cref="NextRound"/>.</summary>
    internal void EndRound(CancellationToken cancellationToken) => _decoding.End(cancellationToken);

    /// <summary>Goes on with a cache that holds the first of its tokens, all but the last at most: the same entries that it would compute itself.</summary>
    internal void Continue(KvCache cache)
    {
        var own = _memory.Length;
        _memory.Adopt(cache);
        CountCached(_decoding.Statistics.CachedTokens, own);
    }

    /// <summary>Copies from another's cache the entries of the first of its tokens, all but the last at most, that its own has not.</summary>
    /// <param name="source">The cache.</param>
    /// <param name="length">So many tokens are the same.</param>
    /// <exception cref="OutOfMemoryException">The device has not that much memory; it goes on with what it has.</exception>
    internal void Continue(KvCache source, int length)
    {
        var (cached, own) = (_decoding.Statistics.CachedTokens, _memory.Length);
        Cache.CopyFrom(source, Depth, length);
        CountCached(cached, own);
    }

    /// <summary>Takes over the cache of another generation of the model, as far as their tokens are the same.</summary>
    internal void Continue(Generation other)
    {
        var length = Tokens[..^1].CommonPrefixLength(other.Tokens[..other.ValidLength(Depth)]);
        if (other.TakeCache() is { } cache)
        {
            cache.Continue(Depth, length);
            Continue(cache);
        }
    }

    /// <summary>Gives its cache away, if it has one. Going on without, it computes all entries anew.</summary>
    internal KvCache? TakeCache()
    {
        _hasLostCache |= _memory.HasCache;
        return _memory.Release();
    }

    /// <summary>Releases the memory that the sequence holds on the device.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _memory.Dispose();

        if (FinishReason == FinishReason.None)
        {
            _decoding.PublishCosts();
        }
    }

    /// <summary>Counts what the cache has got of others. Of what it had computed itself before it lost a cache, nothing was theirs.</summary>
    /// <param name="cached">The count before.</param>
    /// <param name="own">The cache's length before.</param>
    private void CountCached(int cached, int own) =>
        _decoding.Statistics.CachedTokens = _hasLostCache ? Math.Min(cached, _memory.Length) : cached + _memory.Length - own;
}
