using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Sampling;

namespace LayerSkip.Engine.Decoding;

/// <summary>One sequence being decoded: self-speculative decoding as the LayerSkip paper tells it (section 4.3). Plain autoregression is the same story with d = 0.</summary>
/// <remarks>
/// Used by one thread at a time; several generations of a model may run at once. A round that throws (a logits processor, cancellation) leaves the generation where the round began.
/// </remarks>
public sealed class Generation : IDisposable
{
    /// <summary>Prompt rows of one pass: enough for the matrix kernels to run at full speed, few enough for other requests to get their turn.</summary>
    internal const int PrefillRows = 256;

    private readonly IDeviceModel _model;
    private readonly DecodingPlan _plan;
    private readonly IDraftController _controller;
    private readonly DraftHead? _draftHead;
    private readonly TokenSelector _selector;
    private readonly ConstraintTrace? _constraint;
    private readonly LogProbabilityRecorder? _logProbabilities;
    private readonly bool _leavesRoundsToDevice;
    private KvCache? _cache;
    private RowBuffer _rows;
    private readonly StatisticsRecorder _statistics;

    // Prompt, output and, beyond _count, the tokens drafted in the current round.
    private int[] _tokens;
    private int _count;
    private int _roundStart;
    private readonly int[] _draft = new int[DecodingPlan.MaxSpeculations];
    private DraftResult _lastDraft;
    private DraftResult _shownDraft;
    private DraftPlan? _nextDraft;
    private bool _disposed;

    internal Generation(IDeviceModel model, ReadOnlySpan<int> prompt, DecodingPlan plan, IDraftController? controller = null)
    {
        TokenChecks.CheckPrompt(model.Config, prompt);
        _model = model;
        _plan = plan;
        _controller = controller ?? new FixedDraft(plan.ExitLayer, plan.NumSpeculations);
        var choosesBest = plan.Sampling.IsGreedy && plan.LogitsProcessors.Length == 0;
        _draftHead = choosesBest && plan.UseDraftVocabulary ? model.CreateDraftHead(prompt) : null;
        _constraint = plan.Constraint is null ? null : new ConstraintTrace(plan.Constraint, plan.StopIds);
        _selector = choosesBest
            ? new GreedySelector(model, _draftHead, _constraint)
            : new SamplingSelector(model, plan, _constraint, plan.Sampling.Seed ?? DrawSeed());

        // Where nobody wants to see or change a logit, a device that can run rounds as a whole does.
        _leavesRoundsToDevice = choosesBest && plan.Constraint is null && plan.TopLogProbabilities is null && model.RunsRounds(plan.StopIds.Length);

        // Room for the whole output where its length is known and modest, so that decoding allocates nothing.
        var outputs = Math.Min(Math.Min(plan.MaxNewTokens, model.Config.MaxPositions), 4096) + DecodingPlan.MaxSpeculations + 1;
        _tokens = new int[prompt.Length + outputs];
        _logProbabilities = plan.TopLogProbabilities is { } top ? new LogProbabilityRecorder(model, top, outputs) : null;
        prompt.CopyTo(_tokens);
        _count = _roundStart = prompt.Length;
        PromptTokens = prompt.Length;
        _statistics = new StatisticsRecorder(prompt.Length);
        _rows = model.CreateRows(Math.Min(prompt.Length, PrefillRows) + DecodingPlan.MaxSpeculations);
        _rows.Begin(prompt.Length);
    }

    /// <summary>Tokens of the prompt.</summary>
    public int PromptTokens { get; }

    /// <summary>All tokens generated so far; an end-of-sequence token that ended the generation is the last of them.</summary>
    public ReadOnlySpan<int> Output => _tokens.AsSpan(PromptTokens, _count - PromptTokens);

    /// <summary>The tokens that the last call of <see cref="NextRound"/> added.</summary>
    public ReadOnlySpan<int> RoundTokens => _tokens.AsSpan(_roundStart, _count - _roundStart);

    /// <summary>All tokens drafted in the last round, rejected ones and those that a constraint forced included: not verified, for display only.</summary>
    public ReadOnlySpan<int> RoundDraft => _draft.AsSpan(0, _shownDraft.Drafted);

    /// <summary>How many of <see cref="RoundDraft"/> the full model confirmed; they lead <see cref="RoundTokens"/>.</summary>
    public int RoundAccepted => _shownDraft.Accepted;

    /// <summary>Why the generation ended; <see cref="FinishReason.None"/> while it goes on.</summary>
    public FinishReason FinishReason { get; private set; }

    /// <summary>How tokens are decoded.</summary>
    public DecodingMode Mode => _plan.Mode;

    /// <summary>Layers the draft runs (those of the exit in <see cref="DecodingMode.EarlyExit"/>), or the model's depth.</summary>
    public int ExitLayer => _plan.ExitLayer;

    /// <summary>Most tokens drafted in a round; 0 where nothing is drafted.</summary>
    public int NumSpeculations => _plan.NumSpeculations;

    /// <summary>Counts and times so far.</summary>
    public GenerationStatistics Statistics => _statistics.Snapshot(_count - PromptTokens, KvBytes);

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
    internal int? CurtailedAt => _constraint?.CurtailedAt;

    /// <summary>Its cache: a new one where it has none yet, or has given it away.</summary>
    internal KvCache Cache => _cache ??= CreateCache();

    /// <summary>Bytes of its cache.</summary>
    internal long KvBytes => _cache?.Bytes ?? 0;

    /// <summary>How many of its tokens have run the first <paramref name="depth"/> layers, and are in its cache.</summary>
    internal int ValidLength(int depth) => _cache?.ValidLength(depth) ?? 0;

    /// <summary>Layers that decide a token, and that the cache is of.</summary>
    internal int Depth => _plan.Depth;

    /// <summary>Which generations may share what they have computed.</summary>
    internal string? PrefixScope => _plan.PrefixScope;

    /// <summary>Prompt and output.</summary>
    internal ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, _count);

    /// <summary>Positions that the cache needs for a round, and a draft as long as may be.</summary>
    internal int RoundPositions => _count + DraftRoom(_plan.NumSpeculations);

    /// <summary>Positions that the cache needs for the next step: a round, or a piece of a long prompt.</summary>
    internal int NextPositions => PiecePositions ?? RoundPositions;

    /// <summary>Positions that the next step cannot do without.</summary>
    internal int LeastPositions => PiecePositions ?? _count;

    /// <summary>Most positions of the cache that a draft may come to take; a longer one is cut.</summary>
    internal int MaxPositions { get; set; } = int.MaxValue;

    private int? PiecePositions => _count - CacheLength > PrefillRows ? CacheLength + PrefillRows : null;

    private int CacheLength => _cache?.Length ?? 0;

    /// <summary>Output tokens that are final; may be read while another thread runs the next round.</summary>
    internal ReadOnlySpan<int> Final(int start, int count) => _tokens.AsSpan(PromptTokens + start, count);

    /// <summary>Log-probabilities of an output token that is final; may be read while another thread runs the next round.</summary>
    internal OutputLogProbabilities FinalLogProbabilities(int index) => _logProbabilities is { } recorded
        ? recorded[index]
        : throw new InvalidOperationException("the request did not ask for log-probabilities: DecodingOptions.TopLogProbabilities was null");

    /// <summary>Runs one round, or one piece of a long prompt (which adds no tokens).</summary>
    /// <param name="cancellationToken">Looked at between layers.</param>
    /// <returns>False if the generation had already ended; true otherwise, with the new tokens in <see cref="RoundTokens"/>.</returns>
    /// <exception cref="ObjectDisposedException">The generation or its model has been disposed.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the generation stands where the round began, and may go on.</exception>
    /// <exception cref="OutOfMemoryException">The KV cache cannot grow.</exception>
    public bool NextRound(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _roundStart = _count;
        _shownDraft = default;
        if (FinishReason != FinishReason.None)
        {
            return false;
        }

        if (PiecePositions is not null)
        {
            Prefill(cancellationToken);
        }
        else
        {
            Round(cancellationToken);
        }

        return true;
    }

    /// <summary>Goes on with a cache that holds the first of its tokens, all but the last at most: the same entries that it would compute itself.</summary>
    internal void Continue(KvCache cache)
    {
        _cache?.Dispose();
        _cache = cache;

        // Of what it had computed itself before it lost its cache, nothing was an earlier request's.
        _statistics.CachedTokens = _statistics.HasBegun ? Math.Min(_statistics.CachedTokens, cache.Length) : cache.Length;
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
        var taken = _cache;
        _cache = null;
        return taken;
    }

    /// <summary>Releases the memory that the sequence holds on the device.</summary>
    public void Dispose()
    {
        _disposed = true;
        _cache?.Dispose();
        _rows.Dispose();
        _draftHead?.Dispose();
    }

    /// <summary>Runs a piece of the prompt at full depth. What remains of it, up to <see cref="PrefillRows"/> tokens, is the first round's input.</summary>
    private void Prefill(CancellationToken cancellationToken)
    {
        _statistics.BeginStep();
        RunPiece(Cache, PrefillRows, cancellationToken);
        _statistics.EndPrefill();
    }

    /// <summary>Runs the next tokens that are not in the cache yet at full depth.</summary>
    private void RunPiece(KvCache cache, int count, CancellationToken cancellationToken)
    {
        var start = cache.Length;
        EnsureRows(count);
        _rows.Place(0, count, cache, start);
        _model.Embed(_rows, 0, _tokens.AsSpan(start, count));
        _model.RunLayers(_rows, 0, count, 0, _plan.Depth, cancellationToken);
        cache.Length = start + count;
    }

    private void Round(CancellationToken cancellationToken)
    {
        // The input: tokens that are not in the cache yet. First the prompt, later the last token alone.
        var (cache, start) = (Cache, CacheLength);
        var inputs = _count - start;
        var draft = _nextDraft ??= _controller.Next(_lastDraft);
        var exit = Math.Min(draft.ExitLayer, _plan.Depth);
        var room = Math.Min(DraftRoom(draft.Length), Math.Max(0, MaxPositions - _count));
        EnsureTokens(_count + room + 1);
        _statistics.BeginStep();
        if (_leavesRoundsToDevice)
        {
            RoundOnDevice(exit, draft.Length, room, cancellationToken);
            return;
        }

        _selector.BeginRound();
        _constraint?.BeginRound(Room());

        // Draft up to d tokens with layers 0..E-1. The slots keep the exit states. What a constraint forces rides along with the token before it.
        EnsureRows(inputs + room);
        _rows.Place(0, inputs + room, cache, start);
        var drafted = AddForced(0, room);
        _model.Embed(_rows, 0, _tokens.AsSpan(start, inputs + drafted));
        _model.RunLayers(_rows, 0, inputs + drafted, 0, exit, cancellationToken);
        var first = inputs - 1;
        var last = first + drafted;
        var guessed = 0;
        var passes = 1;
        while (guessed < draft.Length && drafted < room && _constraint?.IsComplete(drafted) != true)
        {
            if (_selector.Draft(_rows, last, _tokens.AsSpan(0, _count + drafted), drafted) is not { } token)
            {
                break;
            }

            _tokens[_count + drafted] = token;
            _constraint?.Advance(drafted, token);
            drafted++;
            guessed++;
            if (IsStop(token))
            {
                // Nothing follows a stop token, so it alone needs no row.
                break;
            }

            var added = 1 + AddForced(drafted, room);
            _model.Embed(_rows, last + 1, _tokens.AsSpan(_count + drafted - 1, added));
            _model.RunLayers(_rows, last + 1, added, 0, exit, cancellationToken);
            drafted += added - 1;
            last += added;
            passes++;
        }

        _tokens.AsSpan(_count, drafted).CopyTo(_draft);
        _statistics.EndDraft();

        // Verify: one pass of layers E..L-1 over the input and the draft together.
        _model.RunLayers(_rows, 0, last + 1, exit, _plan.Depth, cancellationToken);
        var (accepted, next) = _selector.Verify(_rows, first, last - first + 1, _tokens.AsSpan(0, _count + drafted), drafted);

        // Accept the longest confirmed prefix, plus the full model's own next token.
        var count = _count + accepted;
        if (next is { } bonus)
        {
            _tokens[count++] = bonus;
        }

        _logProbabilities?.Record(_rows, first, _tokens.AsSpan(_count, count - _count), _count - PromptTokens);
        var forced = _constraint?.Accept(accepted, next) ?? default;
        Accept(count);

        // Truncate: what was rejected is simply written again.
        cache.Length = Math.Min(start + inputs + accepted, _count - 1);
        _shownDraft = new DraftResult(exit, drafted, accepted);
        _lastDraft = new DraftResult(exit, guessed, accepted - forced.Drafted);
        _nextDraft = null;
        _statistics.EndRound(_lastDraft, forced.All, passes: (passes * exit) + (_plan.Depth - exit), tokens: _count - _roundStart);
    }

    /// <summary>The same round, run by the device as a whole: its result is the same, and the host waits once.</summary>
    private void RoundOnDevice(int exit, int length, int room, CancellationToken cancellationToken)
    {
        var cache = Cache;
        if (_count - 1 > cache.Length)
        {
            // Such a round begins with one input, the last token.
            RunPiece(cache, _count - 1 - cache.Length, cancellationToken);
        }

        var round = new GreedyRound(cache, _tokens[_count - 1], _count - 1, exit, _plan.Depth, length, room, _draftHead, _plan.StopIds);
        var (drafted, accepted, next) = _model.RunRound(round, _draft, cancellationToken);
        _statistics.EndDraft();
        if (next < 0)
        {
            throw Distribution.NoTokenLeft();
        }

        var rows = drafted > 0 && IsStop(_draft[drafted - 1]) ? drafted - 1 : drafted;
        _draft.AsSpan(0, accepted).CopyTo(_tokens.AsSpan(_count));
        var count = _count + accepted;
        if (next is { } bonus)
        {
            _tokens[count++] = bonus;
        }

        var start = _count;
        Accept(count);
        cache.Length = Math.Min(start + accepted, _count - 1);
        _shownDraft = _lastDraft = new DraftResult(exit, drafted, accepted);
        _nextDraft = null;
        _statistics.EndRound(_lastDraft, forced: 0, passes: ((1 + rows) * exit) + (_plan.Depth - exit), tokens: _count - _roundStart);
    }

    /// <summary>Adds to the draft what a constraint leaves no choice about.</summary>
    /// <param name="drafted">Tokens of the draft so far.</param>
    /// <param name="room">Most tokens of a draft.</param>
    /// <returns>How many tokens were added.</returns>
    private int AddForced(int drafted, int room)
    {
        var added = 0;
        while (drafted + added < room && _constraint?.Force(drafted + added) is { } token)
        {
            _tokens[_count + drafted + added++] = token;
        }

        return added;
    }

    /// <summary>Takes the tokens up to <paramref name="count"/> into the output, ending at the earliest stop.</summary>
    private void Accept(int count)
    {
        var stop = _tokens.AsSpan(_count, count - _count).IndexOfAny(_plan.StopIds);
        _count = stop >= 0 ? _count + stop + 1 : count;
        if (stop >= 0 || _constraint?.IsComplete(0) == true)
        {
            FinishReason = _constraint?.IsCurtailed == true ? Limit : stop >= 0 ? FinishReason.Stop : FinishReason.Complete;
        }
        else if (Room() <= 0)
        {
            FinishReason = Limit;
        }
    }

    /// <summary>What bounds the output's length.</summary>
    private FinishReason Limit =>
        _plan.MaxNewTokens <= _model.Config.MaxPositions - PromptTokens ? FinishReason.MaxNewTokens : FinishReason.ContextEnd;

    /// <summary>Tokens that may still be generated: at least 1 until the generation ends.</summary>
    private int Room() => Math.Min(_plan.MaxNewTokens - (_count - PromptTokens), _model.Config.MaxPositions - _count);

    /// <summary>Most tokens of a round's draft, of which the model guesses so many.</summary>
    private int DraftRoom(int guesses) => Math.Min(Room() - 1, _plan.DraftRoom(guesses));

    private bool IsStop(int token) => _plan.StopIds.AsSpan().Contains(token);

    private void EnsureTokens(int length)
    {
        if (length > _tokens.Length)
        {
            Array.Resize(ref _tokens, Math.Max(length, 2 * _tokens.Length));
        }
    }

    /// <summary>A generation that goes on without its cache has more to compute at once than its prompt.</summary>
    private void EnsureRows(int count)
    {
        if (count > _rows.Capacity)
        {
            var rows = _model.CreateRows(PrefillRows + DecodingPlan.MaxSpeculations);
            rows.Replace(_rows);
            _rows.Dispose();
            _rows = rows;
        }
    }

    private KvCache CreateCache()
    {
        var cache = _model.CreateCache();
        cache.Continue(_plan.Depth, 0);
        _statistics.CachedTokens = 0;
        return cache;
    }

    private static ulong DrawSeed()
    {
        Span<byte> seed = stackalloc byte[sizeof(ulong)];
        Random.Shared.NextBytes(seed);
        return BitConverter.ToUInt64(seed);
    }
}
