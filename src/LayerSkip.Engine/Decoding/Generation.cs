using LayerSkip.Engine.Decoding.Drafting;
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
    private readonly DraftHead? _draftHead;
    private readonly TokenSelector _selector;
    private readonly ConstraintTrace? _constraint;
    private readonly LogProbabilityRecorder? _logProbabilities;
    private readonly Transcript _tokens;
    private readonly StatisticsRecorder _statistics;
    private KvCache? _cache;
    private RowBuffer _rows;

    private readonly IDraftController _controller;
    private readonly ContextLookup? _lookup;
    private readonly RoundSteps _steps;
    private readonly StepCostBook? _costBook;
    private readonly StepCosts? _costs;
    private readonly bool _leavesRoundsToDevice;
    private DraftPlan? _nextDraft;

    private readonly int[] _shown = new int[DecodingPlan.MaxSpeculations];
    private DraftResult _shownDraft;
    private bool _disposed;

    internal Generation(
        IDeviceModel model, ReadOnlySpan<int> prompt, DecodingPlan plan, IDraftController? controller = null, StepCostBook? costBook = null)
    {
        TokenChecks.CheckPrompt(model.Config, prompt);
        _model = model;
        _plan = plan;
        var choosesBest = plan.Sampling.IsGreedy && plan.LogitsProcessors.Length == 0;
        _draftHead = choosesBest && plan.UseDraftVocabulary ? model.CreateDraftHead(prompt) : null;
        _constraint = plan.Constraint is null ? null : new ConstraintTrace(plan.Constraint, plan.StopIds);
        _selector = choosesBest
            ? new GreedySelector(model, _draftHead, _constraint)
            : new SamplingSelector(model, plan, _constraint, plan.Sampling.Seed ?? DrawSeed());

        // Room for the whole output where its length is known and modest, so that decoding allocates nothing.
        _tokens = new Transcript(prompt, plan, model.Config.MaxPositions);
        _logProbabilities = plan.TopLogProbabilities is { } top ? new LogProbabilityRecorder(model, top, _tokens.OutputCapacity) : null;
        _statistics = new StatisticsRecorder(prompt.Length);
        _lookup = plan.NumSpeculations > 0 && plan.Source != DraftSource.Exit ? new ContextLookup(prompt.Length + _tokens.OutputCapacity) : null;
        if (DraftControllers.NeedsCosts(plan))
        {
            _costBook = costBook ?? new StepCostBook(model);
            _costs = _costBook.Begin(choosesBest, _draftHead is not null);
        }

        _controller = controller ?? DraftControllers.Create(plan, model.Config, _costs);

        // Where nobody wants to see a logit, judge a guess or time a step, a device that can run rounds as a whole does.
        _leavesRoundsToDevice = choosesBest && _constraint is null && _logProbabilities is null && _costs is null && !_controller.JudgesGuesses
            && model.RunsRounds(plan.StopIds.Length);
        _steps = new RoundSteps(model, _selector, _tokens, _constraint, _costs);
        _rows = model.CreateRows(Math.Min(prompt.Length, PrefillRows) + DecodingPlan.MaxSpeculations);
        _rows.Begin(prompt.Length);
    }

    /// <summary>Tokens of the prompt.</summary>
    public int PromptTokens => _tokens.PromptTokens;

    /// <summary>All tokens generated so far; an end-of-sequence token that ended the generation is the last of them.</summary>
    public ReadOnlySpan<int> Output => _tokens.Slice(PromptTokens, _tokens.OutputCount);

    /// <summary>The tokens that the last call of <see cref="NextRound"/> added.</summary>
    public ReadOnlySpan<int> RoundTokens => _tokens.Slice(_tokens.RoundStart, _tokens.Count - _tokens.RoundStart);

    /// <summary>All tokens drafted in the last round, rejected ones and those that a constraint forced included: not verified, for display only.</summary>
    public ReadOnlySpan<int> RoundDraft => _shown.AsSpan(0, _shownDraft.Drafted);

    /// <summary>How many of <see cref="RoundDraft"/> the full model confirmed; they lead <see cref="RoundTokens"/>.</summary>
    public int RoundAccepted => _shownDraft.Accepted;

    /// <summary>Why the generation ended; <see cref="FinishReason.None"/> while it goes on.</summary>
    public FinishReason FinishReason { get; private set; }

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
    public GenerationStatistics Statistics => _statistics.Snapshot(_tokens.OutputCount, KvBytes);

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
    internal ReadOnlySpan<int> Tokens => _tokens.With(0);

    /// <summary>Positions that the cache needs for a round, and a draft as long as may be.</summary>
    internal int RoundPositions => _tokens.Count + DraftRoom(_plan.NumSpeculations);

    /// <summary>Positions that the cache needs for the next step: a round, or a piece of a long prompt.</summary>
    internal int NextPositions => PiecePositions ?? RoundPositions;

    /// <summary>Positions that the next step cannot do without.</summary>
    internal int LeastPositions => PiecePositions ?? _tokens.Count;

    /// <summary>Most positions of the cache that a draft may come to take; a longer one is cut.</summary>
    internal int MaxPositions { get; set; } = int.MaxValue;

    private int? PiecePositions => _tokens.Count - CacheLength > PrefillRows ? CacheLength + PrefillRows : null;

    private int CacheLength => _cache?.Length ?? 0;

    /// <summary>Output tokens that are final; may be read while another thread runs the next round.</summary>
    internal ReadOnlySpan<int> Final(int start, int count) => _tokens.Slice(PromptTokens + start, count);

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
        _tokens.BeginRound();
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
        RunPiece(PrefillRows, cancellationToken);
        _statistics.EndPrefill();
    }

    /// <summary>Runs the next tokens that are not in the cache yet at full depth.</summary>
    private void RunPiece(int count, CancellationToken cancellationToken)
    {
        var (cache, start) = (Cache, CacheLength);
        EnsureRows(count);
        _rows.Place(0, count, cache, start);
        _model.Embed(_rows, 0, _tokens.Slice(start, count));
        _model.RunLayers(_rows, 0, count, 0, _plan.Depth, cancellationToken);
        cache.Length = start + count;
    }

    private void Round(CancellationToken cancellationToken)
    {
        // The input: tokens that are not in the cache yet. First the prompt, later the last token alone.
        _statistics.BeginStep();
        var (cache, start) = (Cache, CacheLength);
        var inputs = _tokens.Count - start;
        var match = _lookup?.Find(Tokens) ?? default;
        var plan = _nextDraft ??= _controller.Next(match, inputs);
        var room = Math.Min(DraftRoom(plan.Length), Math.Max(0, MaxPositions - _tokens.Count));
        _tokens.MakeRoom(room);
        if (_leavesRoundsToDevice && plan.Survey is null && (plan.ExitLayer > 0 || plan.Length == 0))
        {
            RoundOnDevice(plan.Length, plan.Length > 0 ? Math.Min(plan.ExitLayer, _plan.Depth) : 0, room, match, cancellationToken);
            return;
        }

        _steps.Begin(plan, first: inputs - 1);
        _constraint?.BeginRound(_tokens.Room);
        EnsureRows(inputs + room);
        _rows.Place(0, inputs + room, cache, start);

        // Draft up to d tokens, with layers 0..E-1 or by copying, which is a draft with no layers at all. The slots keep the exit states.
        var draft = plan is { ExitLayer: 0, Length: > 0 }
            ? DraftByLookup(match, plan.Length, room, inputs)
            : DraftByExit(plan.Length, plan.Length > 0 ? Math.Min(plan.ExitLayer, _plan.Depth) : 0, room, inputs, cancellationToken);
        _tokens.Slice(_tokens.Count, draft.Tokens).CopyTo(_shown);
        _statistics.EndDraft();

        // Verify: one pass of layers E..L-1 over the input and the draft together.
        var rows = inputs + draft.Rows;
        _steps.RunLayers(_rows, 0, rows, draft.Exit, _plan.Depth, cancellationToken);
        var (accepted, next) = _steps.Verify(_rows, inputs - 1, 1 + draft.Rows, draft.Tokens);

        // Accept the longest confirmed prefix, plus the full model's own next token.
        var taken = accepted;
        if (next is { } bonus)
        {
            _tokens.Draft(taken++, bonus);
        }

        _logProbabilities?.Record(_rows, inputs - 1, _tokens.Slice(_tokens.Count, taken), _tokens.OutputCount);
        var forced = _constraint?.Accept(accepted, next) ?? default;
        Accept(taken);

        // Truncate: what was rejected is simply written again.
        cache.Length = Math.Min(start + inputs + accepted, _tokens.Count - 1);
        _shownDraft = new DraftResult(draft.Exit, draft.Tokens, accepted);
        var result = new DraftResult(draft.Exit, draft.Guessed, accepted - forced.Drafted);
        Learn(result, match);
        _statistics.EndRound(result, forced.All, (draft.Passes * draft.Exit) + (_plan.Depth - draft.Exit), RoundTokens.Length);
    }

    /// <summary>The same round, run by the device as a whole: to the same result, with one wait.</summary>
    private void RoundOnDevice(int length, int exit, int room, in LookupMatch match, CancellationToken cancellationToken)
    {
        var (cache, last) = (Cache, _tokens.Count - 1);
        if (CacheLength < last)
        {
            // Such a round begins with one input, the last token.
            RunPiece(last - CacheLength, cancellationToken);
        }

        _steps.Begin(default, first: 0);
        var round = new GreedyRound(cache, Tokens[last], last, exit, _plan.Depth, length, room, _draftHead, _plan.StopIds);
        var (drafted, accepted, next) = _model.RunRound(round, _shown, cancellationToken);
        if (next < 0)
        {
            throw Distribution.NoTokenLeft();
        }

        for (var i = 0; i < accepted; i++)
        {
            _tokens.Draft(i, _shown[i]);
        }

        var taken = accepted;
        if (next is { } bonus)
        {
            _tokens.Draft(taken++, bonus);
        }

        Accept(taken);
        cache.Length = Math.Min(last + 1 + accepted, _tokens.Count - 1);
        var result = _shownDraft = new DraftResult(exit, drafted, accepted);
        Learn(result, match);
        var passes = drafted > 0 && IsStop(_shown[drafted - 1]) ? drafted : 1 + drafted;
        _statistics.EndRound(result, forced: 0, (passes * exit) + (_plan.Depth - exit), RoundTokens.Length);
    }

    /// <summary>Has the first layers guess tokens one by one. What a constraint forces rides along with the token before it.</summary>
    private PreparedDraft DraftByExit(int length, int exit, int room, int inputs, CancellationToken cancellationToken)
    {
        var drafted = AddForced(0, room);
        _model.Embed(_rows, 0, _tokens.Slice(_tokens.Count - inputs, inputs + drafted));
        _steps.RunLayers(_rows, 0, inputs + drafted, 0, exit, cancellationToken);
        var last = inputs - 1 + drafted;
        var guessed = 0;
        var passes = 1;
        var goesOn = true;
        while (goesOn && guessed < length && drafted < room && _constraint?.IsComplete(drafted) != true)
        {
            if (_steps.Guess(_rows, last, drafted, exit) is not { } guess)
            {
                break;
            }

            var verdict = _controller.Judge(guess, guessed, drafted);
            if (verdict == GuessVerdict.Drop)
            {
                break;
            }

            _tokens.Draft(drafted, guess.Token);
            _constraint?.Advance(drafted, guess.Token);
            drafted++;
            guessed++;
            if (IsStop(guess.Token))
            {
                // Nothing follows a stop token, so it alone needs no row.
                break;
            }

            var added = 1 + AddForced(drafted, room);
            _model.Embed(_rows, last + 1, _tokens.Slice(_tokens.Count + drafted - 1, added));
            _steps.RunLayers(_rows, last + 1, added, 0, exit, cancellationToken);
            drafted += added - 1;
            last += added;
            passes++;
            goesOn = verdict == GuessVerdict.Continue;
        }

        return new(exit, drafted, guessed, last - inputs + 1, passes);
    }

    /// <summary>Copies what followed an earlier occurrence of the context's end, as far as a constraint allows it.</summary>
    private PreparedDraft DraftByLookup(in LookupMatch match, int length, int room, int inputs)
    {
        var copied = _tokens.Slice(match.Position, match.Available);
        var (drafted, guessed) = (0, 0);
        var stops = false;
        for (var i = 0; i < copied.Length && !stops && drafted < room && _constraint?.IsComplete(drafted) != true; i++)
        {
            var token = copied[i];
            if (_constraint?.Force(drafted) is { } forced)
            {
                // Where it forces another token, the copy ends, but not what it forces.
                _tokens.Draft(drafted++, forced);
                if (forced != token)
                {
                    break;
                }

                continue;
            }

            if (guessed == length || _constraint?.Allows(drafted, token) == false)
            {
                break;
            }

            _constraint?.Advance(drafted, token);
            _tokens.Draft(drafted++, token);
            guessed++;
            stops = IsStop(token);
        }

        drafted += stops ? 0 : AddForced(drafted, room);
        var rows = stops ? drafted - 1 : drafted;
        _model.Embed(_rows, 0, _tokens.Slice(_tokens.Count - inputs, inputs + rows));
        return new(Exit: 0, drafted, guessed, rows, Passes: 0);
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
            _tokens.Draft(drafted + added++, token);
        }

        return added;
    }

    /// <summary>Takes so many tokens into the output, ending at the earliest stop.</summary>
    private void Accept(int tokens)
    {
        var stops = _tokens.Accept(tokens);
        if (stops || _constraint?.IsComplete(0) == true)
        {
            FinishReason = _constraint?.IsCurtailed == true ? _tokens.Limit : stops ? FinishReason.Stop : FinishReason.Complete;
        }
        else if (_tokens.Room <= 0)
        {
            FinishReason = _tokens.Limit;
        }
    }

    /// <summary>Tells the controller what became of the round.</summary>
    private void Learn(in DraftResult draft, in LookupMatch match)
    {
        _nextDraft = null;
        var followed = _tokens.Slice(match.Position, Math.Min(match.Available, RoundTokens.Length));
        var right = followed.CommonPrefixLength(RoundTokens);
        _controller.Learn(new RoundOutcome(
            draft.ExitLayer, draft.Drafted, draft.Accepted, new(match.Length, right, right < followed.Length), _steps.Guesses, RoundTokens));
        if (FinishReason != FinishReason.None && _costs is not null)
        {
            _costBook!.Publish(_costs);
        }
    }

    /// <summary>Most tokens of a round's draft, of which the model guesses so many.</summary>
    private int DraftRoom(int guesses) => Math.Min(_tokens.Room - 1, _plan.DraftRoom(guesses));

    private bool IsStop(int token) => _plan.StopIds.AsSpan().Contains(token);

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

    /// <summary>A draft as it goes into verification.</summary>
    /// <param name="Exit">Layers that have run.</param>
    /// <param name="Tokens">All tokens of it.</param>
    /// <param name="Guessed">Those that no constraint forced.</param>
    /// <param name="Rows">Rows of it: one for each token that something may follow.</param>
    /// <param name="Passes">Passes over the layers of the exit.</param>
    private readonly record struct PreparedDraft(int Exit, int Tokens, int Guessed, int Rows, int Passes);
}
