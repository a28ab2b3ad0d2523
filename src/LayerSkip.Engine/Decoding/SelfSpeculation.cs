using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Decoding.Drafting;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Devices.Cpu.Kernels;
using LayerSkip.Engine.Sampling;

namespace LayerSkip.Engine.Decoding;

/// <summary>Self-speculative decoding of one sequence as the LayerSkip paper tells it (section 4.3): draft, verify, accept. Plain autoregression is the same story with d = 0.</summary>
/// <remarks>
/// A step that throws (a logits processor, cancellation) leaves the sequence where the step began. Beside others a round waits wherever what it needs next, a step of
/// its draft or its verification, can be run together with theirs.
/// </remarks>
internal sealed class SelfSpeculation
{
    private readonly IDeviceModel _model;
    private readonly string _name;
    private readonly DecodingPlan _plan;
    private readonly SequenceMemory _memory;
    private readonly Transcript _tokens;
    private readonly ConstraintTrace? _constraint;
    private readonly LogProbabilityRecorder? _logProbabilities;
    private readonly StatisticsRecorder _statistics;

    private readonly IDraftController _controller;
    private readonly ContextLookup? _lookup;
    private readonly RoundSteps _steps;
    private readonly Drafter _drafter;
    private readonly DraftWeights _draftWeights;
    private readonly StepCostBook? _costBook;
    private readonly StepCosts? _costs;
    private readonly PromptPieces _pieces;
    private readonly DeviceRounds? _deviceRounds;
    private DraftPlan? _nextDraft;

    // The rounds one by one; null: they begin anew, since one has been left in the middle.
    private IEnumerator<RoundWait>? _rounds;

    // How long what the round waits for took, and with what result, if somebody has run it.
    private SharedPassTime? _shared;
    private DeviceRoundResult _result;
    private CancellationToken _cancellation;

    private int _company = 1;

    private readonly int[] _lastDraftTokens = new int[DecodingPlan.MaxSpeculations];
    private DraftResult _lastDraft;

    /// <param name="model">The model.</param>
    /// <param name="prompt">Token ids, checked.</param>
    /// <param name="plan">What is asked for.</param>
    /// <param name="memory">What the sequence holds on the device; its owner disposes it.</param>
    /// <param name="controller">Decides about drafts; null: the plan's.</param>
    /// <param name="costBook">What steps of the model cost, where that matters; null: not known yet.</param>
    /// <param name="name">The model's name, for errors.</param>
    public SelfSpeculation(
        IDeviceModel model,
        ReadOnlySpan<int> prompt,
        DecodingPlan plan,
        SequenceMemory memory,
        IDraftController? controller,
        StepCostBook? costBook,
        string name)
    {
        (_model, _name, _plan, _memory) = (model, name, plan, memory);
        var choosesBest = plan.ChoosesBest;
        _constraint = plan.Constraint is null ? null : new ConstraintTrace(plan.Constraint, plan.StopIds);
        var seed = choosesBest ? 0 : plan.Sampling.Seed ?? DrawSeed();
        var draw = plan.DrawsUnaided && model.DrawsTokens ? new TokenDraw(plan.Sampling, seed) : null;
        TokenSelector selector = choosesBest ? new GreedySelector(model, memory, _constraint)
            : draw is not null ? new DrawSelector(model, draw)
            : new SamplingSelector(model, plan, memory, _constraint, seed);

        // Room for the whole output where its length is known and modest, so that decoding allocates nothing.
        _tokens = new Transcript(prompt, plan, model.Config.MaxPositions);
        _logProbabilities = plan.TopLogProbabilities is { } top ? new LogProbabilityRecorder(model, memory.Logits, top, _tokens.OutputCapacity) : null;
        _statistics = new StatisticsRecorder(prompt.Length, _tokens.OutputCapacity);
        _lookup = plan.NumSpeculations > 0 && plan.Source != DraftSource.Exit ? new ContextLookup(prompt.Length + _tokens.OutputCapacity) : null;
        _draftWeights = model.DraftsBy(plan.DraftWeights) ? plan.DraftWeights : DraftWeights.Exact;
        if (DraftControllers.NeedsCosts(plan))
        {
            _costBook = costBook ?? new StepCostBook(model);
            _costs = _costBook.Begin(choosesBest, _memory.DraftHead is not null, _draftWeights);
        }

        _controller = controller ?? DraftControllers.Create(plan, model.Config, _costs, _draftWeights != DraftWeights.Exact);

        // Where nobody wants to see a logit, time a step, write what is certain unasked or judge a guess by more than its likelihood, a device that can run rounds as a whole does.
        var runsWhole = (choosesBest ? !plan.TakesCertainText : draw is not null) && _logProbabilities is null && _costs is null
            && _controller.LastBelow is not null && model.RunsRounds(plan.StopIds.Length);
        _pieces = new PromptPieces(model, plan, memory, _tokens);
        _deviceRounds = runsWhole ? new DeviceRounds(plan, memory, _tokens, _constraint, draw, _controller) : null;
        _steps = new RoundSteps(model, selector, _tokens, _constraint, _costs);
        _drafter = new Drafter(model, plan, memory, _tokens, _constraint, _controller, _steps);
    }

    /// <summary>Prompt, output and draft.</summary>
    public Transcript Tokens => _tokens;

    /// <summary>What may be written; null: anything.</summary>
    public ConstraintTrace? Constraint => _constraint;

    /// <summary>Log-probabilities of the output; null where nobody wants them.</summary>
    public LogProbabilityRecorder? LogProbabilities => _logProbabilities;

    /// <summary>Counts and times.</summary>
    public StatisticsRecorder Statistics => _statistics;

    /// <summary>What became of the last round's draft, forced tokens included.</summary>
    public DraftResult Draft => _lastDraft;

    /// <summary>All tokens of the last round's draft.</summary>
    public ReadOnlySpan<int> DraftTokens => _lastDraftTokens.AsSpan(0, _lastDraft.Drafted);

    /// <summary>Why the output ended; <see cref="FinishReason.None"/> while it goes on.</summary>
    public FinishReason FinishReason { get; private set; }

    /// <summary>Most positions of the cache that a draft may come to take; a longer one is cut.</summary>
    public int MaxPositions { get; set; } = int.MaxValue;

    /// <inheritdoc cref="PromptPieces.Rows"/>
    public int PieceRows
    {
        get => _pieces.Rows;
        set => _pieces.Rows = value;
    }

    /// <summary>Positions that the cache needs for the next piece of a long prompt; null where a round comes next.</summary>
    public int? PiecePositions => _pieces.Positions;

    /// <summary>Positions that the cache needs for a round, and a draft as long as may be.</summary>
    public int RoundPositions => _tokens.Count + DraftRoom(_plan.NumSpeculations);

    /// <summary>The sequence's cache: a new one, in which nothing is another's, where it has none.</summary>
    public KvCache Cache
    {
        get
        {
            if (!_memory.HasCache)
            {
                _statistics.CachedTokens = 0;
            }

            return _memory.Cache;
        }
    }

    private ReadOnlySpan<int> RoundTokens => _tokens.Slice(_tokens.RoundStart, _tokens.Count - _tokens.RoundStart);

    /// <summary>Whether the device runs rounds as a whole, but for those whose draft it cannot make.</summary>
    public bool RunsWhole => _deviceRounds is not null;

    /// <summary>What the round that has begun needs run next.</summary>
    public RoundWait Wait => _rounds?.Current ?? default;

    /// <summary>So many sequences run together from now on: what reading the weights costs is divided among them.</summary>
    public void Share(int company)
    {
        _company = company;
        _costs?.Share(company, _model.SharedRows);
    }

    /// <summary>Runs one round, or one piece of a long prompt; nothing where the output has ended.</summary>
    /// <returns>Whether the output went on.</returns>
    public bool Step(CancellationToken cancellationToken)
    {
        if (!Begin(cancellationToken))
        {
            return false;
        }

        End(cancellationToken);
        return true;
    }

    /// <summary>Begins a round, and runs it up to where it waits, or the whole of it; or runs a piece of a long prompt.</summary>
    /// <returns>Whether the output goes on.</returns>
    public bool Begin(CancellationToken cancellationToken)
    {
        _tokens.BeginRound();
        _lastDraft = default;
        _rounds = Wait.Waits ? null : _rounds;
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
            Advance(cancellationToken);
        }

        return true;
    }

    /// <summary>The pass that the round waits for, with what is asked about its rows: to be run by the caller, who then says so.</summary>
    public RowPass TakePass() => Wait.IsDrafting ? Wait.Pass!.Value : _steps.Ask(Wait.Pass!.Value, _drafter.Draft.Tokens);

    /// <summary>The pass that was taken has been run, with others'.</summary>
    public void PassHasRun(in SharedPassTime time) => _shared = time;

    /// <summary>The whole round has been run, with others'.</summary>
    /// <param name="result">What came of it.</param>
    /// <param name="ticks">How long all took.</param>
    public void RoundHasRun(in DeviceRoundResult result, long ticks) => (_result, _shared) = (result, new(ticks, Sequences: 0, Rows: 0, Heads: 0));

    /// <summary>Ends a round that has begun, if anything is left of it.</summary>
    /// <param name="cancellationToken">Looked at between layers.</param>
    public void End(CancellationToken cancellationToken)
    {
        while (Wait.Waits)
        {
            GoOn(cancellationToken);
        }
    }

    /// <summary>Goes on with a round that waits, from what it waits for, which is run first if nobody has: to its end, or to where it waits again.</summary>
    /// <param name="cancellationToken">Looked at between layers.</param>
    public void GoOn(CancellationToken cancellationToken)
    {
        _statistics.Resume(_shared?.Ticks ?? 0);
        Advance(cancellationToken);
    }

    /// <summary>The sequence ends, whatever ends it: what its rounds cost is true of the next request's.</summary>
    public void PublishCosts()
    {
        if (_costs is { HasMeasured: true })
        {
            _costBook!.Publish(_costs);
        }
    }

    /// <summary>Runs a piece of the prompt at full depth. What remains of it, up to <see cref="PieceRows"/> tokens, is the first round's input.</summary>
    private void Prefill(CancellationToken cancellationToken)
    {
        _statistics.BeginStep();
        _pieces.End(Cache, _pieces.Begin(Cache, PieceRows), hasRun: false, cancellationToken);
        _statistics.EndPrefill();
    }

    /// <summary>Goes on to where the round waits, or has ended.</summary>
    private void Advance(CancellationToken cancellationToken)
    {
        // An iterator that throws is at its end: the next round is then another's.
        var rounds = _rounds ?? Rounds();
        (_rounds, _cancellation) = (null, cancellationToken);
        _constraint?.Watch(cancellationToken);
        try
        {
            rounds.MoveNext();
            _rounds = rounds;
        }
        finally
        {
            _shared = null;
        }
    }

    /// <summary>One round after the other. Each waits where what it needs next can be run with what others need, and stops at its end.</summary>
    private IEnumerator<RoundWait> Rounds()
    {
        while (true)
        {
            // The input: tokens that are not in the cache yet. First the prompt, later the last token alone.
            _statistics.BeginStep();
            var (cache, start) = (Cache, _memory.Length);
            var inputs = _tokens.Count - start;
            var match = _lookup?.Find(_tokens.With(0)) ?? default;
            var intended = _nextDraft ??= _controller.Next(match, inputs);
            var room = Math.Min(DraftRoom(intended.Length), Math.Max(0, MaxPositions - _tokens.Count));
            var weights = DraftWeightsOf(intended, inputs, room);
            if (weights == DraftWeights.Exact && RunsAll(intended))
            {
                // What all layers draft by their own weights needs no verification, and saves nothing.
                intended = intended with { ExitLayer = 0, Length = 0 };
            }

            _tokens.MakeRoom(room);
            if (_deviceRounds is { } device && device.Takes(intended))
            {
                // Such a round begins with one input, the last token.
                if (inputs > 1)
                {
                    var prompt = _pieces.Begin(cache, inputs - 1);
                    if (_company > 1 && prompt.Count <= _model.SharedPromptRows)
                    {
                        _statistics.Pause();
                        yield return RoundWait.Draft(prompt);
                    }

                    _pieces.End(cache, prompt, hasRun: _shared is not null, _cancellation);
                }

                // All three in one go, with one wait.
                _steps.Begin(default, first: 0);
                var round = device.Begin(cache, intended, _drafter.ExitOf(intended), room, _lastDraftTokens);
                _statistics.Pause();
                yield return RoundWait.Whole(round);
                var (made, confirmed, own) = device.End(round, _shared is null ? _model.RunRound(round, _cancellation) : _result);
                if (own < 0)
                {
                    // The device asked nobody but the model: no token has a logit.
                    throw CheckpointException.NoLogit(_name);
                }

                Accept(made, match, confirmed, own, judged: 0);
                yield return default;
                continue;
            }

            _memory.EnsureRows(inputs + room);
            _memory.Rows.Place(0, inputs + room, cache, start);
            _steps.Begin(intended, first: inputs - 1);
            _constraint?.BeginRound(_tokens.Room);

            // Draft up to d tokens, with layers 0..E-1 or by copying. The slots keep the exit states.
            _drafter.Begin(intended, match, room, inputs, weights);
            while (_drafter.Step is { } step)
            {
                SharedPassTime? shared = null;
                step = RunsAll(intended) ? step : _steps.RunSurvey(step, _cancellation);
                if (_company > 1 && step.Count <= _model.SharedRows)
                {
                    _statistics.Pause();
                    yield return RoundWait.Draft(step);
                    shared = _shared;
                }

                _steps.EndDraftStep(step, shared, _cancellation);
                _drafter.GoOn(isAnswered: shared is not null);
            }

            var draft = _drafter.Draft;
            _tokens.Slice(_tokens.Count, draft.Tokens).CopyTo(_lastDraftTokens);

            // Verify: one pass of layers E..L-1 over the input and the draft together. What coarse weights have drafted stands before layer 0.
            SharedPassTime? verified = null;
            _statistics.EndDraft();
            var from = _steps.RunAgain(_memory.Rows, draft, inputs + draft.Rows, _cancellation);
            var pass = _steps.RunSurvey(new(_memory.Rows, 0, inputs + draft.Rows, from, _plan.Depth, Unread: inputs - 1), _cancellation);
            if (pass.Count <= _model.SharedRows)
            {
                _statistics.Pause();
                yield return RoundWait.Verification(pass);
                verified = _shared;
            }

            _steps.EndPass(pass, verified, _cancellation);
            var (accepted, next) = _steps.Verify(pass, draft.Tokens, hasRun: verified is not null);
            if (next < 0)
            {
                throw NoTokenLeft(pass, accepted);
            }

            // Accept the longest confirmed prefix, plus the full model's own next token.
            _deviceRounds?.RanStepwise();
            Accept(draft, match, accepted, next, judged: pass.FirstRead);
            yield return default;
        }
    }

    /// <summary>Whether all layers are to draft.</summary>
    private bool RunsAll(in DraftPlan draft) => draft.Length > 0 && draft.ExitLayer == _plan.Depth;

    /// <summary>
    /// By which weights a draft's rows run: its own, and where all layers draft the input's, too, one row. What is shared is read once for all, and of other drafts one of a single
    /// token has no row that a guess follows: coarse weights save nothing there, and are not copied for it.
    /// </summary>
    private DraftWeights DraftWeightsOf(in DraftPlan draft, int inputs, int room)
    {
        var (exit, length) = (_drafter.ExitOf(draft), Math.Min(draft.Length, room));
        var saves = RunsAll(draft) ? inputs == 1 && length > 0 : exit > 0 && length > 1;
        if (_draftWeights == DraftWeights.Exact || _company > 1 || !saves)
        {
            return DraftWeights.Exact;
        }

        if (_model.PrepareDraftLayers(exit, _draftWeights, _cancellation))
        {
            return _draftWeights;
        }

        _costs?.CannotCopy(exit);
        return DraftWeights.Exact;
    }

    /// <summary>Why the full model can choose no token: its weights are damaged, or others have banned them all.</summary>
    /// <param name="pass">What has verified the draft.</param>
    /// <param name="index">How many tokens of the draft come before the one in question.</param>
    private Exception NoTokenLeft(in RowPass pass, int index)
    {
        var logits = new float[_model.Config.VocabularySize];
        _model.Logits(pass.Rows, pass.FirstRead + index, 1, logits);
        return logits[ArgMax.Of(logits)] > float.NegativeInfinity
            ? _constraint?.NoTokenLeft(index) ?? Distribution.NoTokenLeft()
            : CheckpointException.NoLogit(_name);
    }

    /// <summary>Ends a round: takes what was accepted and the token behind it into the output, and forgets the rest of the draft.</summary>
    /// <param name="draft">The draft.</param>
    /// <param name="match">What the context could be continued with.</param>
    /// <param name="accepted">How many of the draft's tokens the full model confirmed.</param>
    /// <param name="next">The full model's own next token, if there is one.</param>
    /// <param name="judged">Slot of the last token before the draft.</param>
    private void Accept(in PreparedDraft draft, in LookupMatch match, int accepted, int? next, int judged)
    {
        var (before, exit) = (_tokens.Count, draft.Exit);
        var taken = accepted;
        if (next is { } bonus)
        {
            _tokens.Draft(taken++, bonus);
        }

        // A constraint may leave nothing to write.
        if (taken > 0)
        {
            _logProbabilities?.Record(_memory.Rows, judged, _tokens.Slice(before, taken), _tokens.OutputCount);
        }

        for (var i = 0; i < accepted; i++)
        {
            if (_constraint?.Forced(i) is null)
            {
                _statistics.Accept(_tokens.OutputCount + i);
            }
        }

        var forced = _constraint?.Accept(accepted, next) ?? default;
        Take(taken);

        // All tokens but the last are in the cache; what was rejected is simply written again.
        Cache.Length = _tokens.Count - 1;
        _lastDraft = new(exit, draft.Tokens, accepted);
        var free = new DraftResult(exit, draft.Guessed, accepted - forced.Drafted);
        Learn(free, match);
        _statistics.EndRound(free, forced.All, ((draft.Passes + (draft.CoarseRows > 0 ? 1 : 0)) * exit) + (_plan.Depth - exit), RoundTokens.Length);
    }

    /// <summary>Takes so many tokens into the output, ending at the earliest stop.</summary>
    private void Take(int tokens)
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
        var copied = match.IsEmpty ? 0 : RoundTokens.CommonPrefixLength(_tokens.Slice(match.Position, RoundTokens.Length));
        _controller.Learn(new RoundOutcome(
            draft.ExitLayer, draft.Drafted, draft.Accepted, new(match.Length, copied, !match.IsEmpty && copied < RoundTokens.Length), _steps.Guesses, RoundTokens));
        if (FinishReason != FinishReason.None)
        {
            PublishCosts();
        }
    }

    /// <summary>Most tokens of a round's draft, of which the model guesses so many.</summary>
    private int DraftRoom(int guesses) => Math.Min(_tokens.Room - 1, _plan.DraftRoom(guesses));

    private static ulong DrawSeed()
    {
        Span<byte> seed = stackalloc byte[sizeof(ulong)];
        Random.Shared.NextBytes(seed);
        return BitConverter.ToUInt64(seed);
    }
}
