using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;

namespace LayerSkip.Engine.Scheduling;

/// <summary>The verified tokens of one request, as the engine's thread decodes them. Read by one consumer at a time.</summary>
/// <remarks>Disposing it ends the request wherever it stands, and takes its KV cache from it.</remarks>
public sealed class TokenReader : IAsyncDisposable
{
    private const int Waiting = 0;
    private const int Taken = 1;
    private const int Ended = 2;

    private readonly EngineLoad _load;
    private readonly TokenSignal _signal = new();
    private readonly DecodingPlan _plan;
    private readonly CancellationToken _cancellation;
    private readonly CancellationToken _engineStops;
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly CancellationTokenRegistration _registration;

    // Never disposed, which without a timer frees nothing: its consumer may leave at any time.
    private readonly CancellationTokenSource _abandonment = new();

    // Of everything that ends a step early; used by the engine's thread alone.
    private CancellationTokenSource? _ending;
    private CancellationToken _ends;
    private int[] _prompt;
    private Generation? _generation;
    private IdleCaches? _idle;
    private int _state = Waiting;
    private bool _runs;
    private long _kvBytes;

    /// <param name="load">Has counted the request in.</param>
    /// <param name="prompt">Token ids, checked.</param>
    /// <param name="plan">How to decode.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <param name="engineStops">Ends the steps of all requests.</param>
    internal TokenReader(EngineLoad load, int[] prompt, DecodingPlan plan, CancellationToken cancellationToken, CancellationToken engineStops)
    {
        (_load, _prompt, _plan, _cancellation, _engineStops) = (load, prompt, plan, cancellationToken, engineStops);
        PromptTokens = prompt.Length;

        // Whoever waits for a turn must not have to wait for it to give up.
        _registration = cancellationToken.UnsafeRegister(
            static (state, token) => ((TokenReader)state!).EndWaiting(new OperationCanceledException(token)), this);
    }

    /// <summary>Tokens of the prompt.</summary>
    public int PromptTokens { get; }

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

    /// <summary>
    /// Why the generation ended; valid once <see cref="WaitToReadAsync"/> has returned false or <see cref="DisposeAsync"/> has
    /// completed, and <see cref="FinishReason.None"/> where the latter cut it short.
    /// </summary>
    public FinishReason FinishReason { get; private set; }

    /// <summary>Counts and times; valid once <see cref="WaitToReadAsync"/> has returned false or <see cref="DisposeAsync"/> has completed.</summary>
    public GenerationStatistics Statistics { get; private set; }

    /// <summary>
    /// How many of the first output tokens were drafted, and confirmed by the full model: <see cref="GenerationStatistics.Accepted"/> of an
    /// output that is used no further. Valid when <see cref="Statistics"/> is.
    /// </summary>
    /// <param name="tokens">How many tokens of the output are looked at.</param>
    /// <exception cref="ArgumentOutOfRangeException">The output has not so many.</exception>
    public int CountAccepted(int tokens)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokens, Statistics.Tokens);
        return _generation?.CountAccepted(tokens) ?? 0;
    }

    /// <summary>
    /// Index in the output of the first token that <see cref="DecodingOptions.Constraint"/> took because there is no room left to complete what
    /// the model would rather have written: from there on the output is of the language, but not what the model meant. Null: it has not come to that.
    /// </summary>
    public int? CurtailedAt => _generation?.CurtailedAt;

    /// <summary>Waits until there are tokens to read.</summary>
    /// <returns>True if there are; false once all have been read and the generation has ended.</returns>
    /// <exception cref="OperationCanceledException">The request's token was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The reader or the engine was disposed meanwhile.</exception>
    /// <exception cref="InsufficientMemoryException">The request needs more memory than the engine's <see cref="EngineOptions.KvCacheBudget"/>.</exception>
    /// <exception cref="CheckpointException">The model computes no finite numbers: its weights are damaged.</exception>
    /// <exception cref="InvalidOperationException">No token could be chosen: logits processors or a constraint banned them all.</exception>
    public ValueTask<bool> WaitToReadAsync() => _signal.WaitAsync();

    /// <summary>The tokens that have come since the last call; empty if none have.</summary>
    public ReadOnlySpan<int> Read()
    {
        var (first, count) = _signal.Take();
        return count == 0 ? [] : _generation!.Final(first, count);
    }

    /// <summary>How likely an output token was to the model.</summary>
    /// <param name="index">Index in the output, below the number of tokens that <see cref="Read"/> has returned.</param>
    /// <exception cref="ArgumentOutOfRangeException">The token has not been read.</exception>
    /// <exception cref="InvalidOperationException"><see cref="DecodingOptions.TopLogProbabilities"/> was null.</exception>
    public OutputLogProbabilities LogProbabilities(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, _signal.Taken);
        return Generation.FinalLogProbabilities(index);
    }

    /// <summary>Ends the request if it has not ended, between layers where one of its steps runs; completes when it holds no KV cache any more.</summary>
    public ValueTask DisposeAsync()
    {
        _abandonment.Cancel();
        EndWaiting(new ObjectDisposedException(nameof(TokenReader)));
        return new(_released.Task);
    }

    /// <summary>Whether the request has ended; it may have done so while it waited.</summary>
    internal bool HasEnded => Volatile.Read(ref _state) == Ended;

    /// <summary>Whether the request, which has begun, is to end: its consumer has left or cancelled it, or the engine stops.</summary>
    internal bool IsUnwanted => _ends.IsCancellationRequested;

    /// <summary>The request's decoding, once it has begun.</summary>
    internal Generation Generation => _generation!;

    /// <summary>Positions that its cache needs for a round, and a draft as long as may be.</summary>
    internal int RoundPositions => _generation?.RoundPositions ?? PromptTokens + Math.Min(_plan.DraftRoom(_plan.NumSpeculations), _plan.MaxNewTokens - 1);

    /// <summary>Whether the present turn is one of its; else it waits with its prompt.</summary>
    internal bool HasTurn { get; set; }

    /// <summary>Begins the request on the engine's thread.</summary>
    /// <param name="model">The model.</param>
    /// <param name="idle">Takes its cache when it ends.</param>
    /// <returns>Whether it runs now; false where it has ended.</returns>
    internal bool Begin(LayerSkipModel model, IdleCaches idle)
    {
        if (Interlocked.CompareExchange(ref _state, Taken, Waiting) != Waiting)
        {
            return false;
        }

        _registration.Unregister();
        _idle = idle;
        Resume();
        try
        {
            _ending = CancellationTokenSource.CreateLinkedTokenSource(_abandonment.Token, _cancellation, _engineStops);
            _ends = _ending.Token;
            _generation = model.Generate(_prompt, _plan);
            _prompt = [];
            return true;
        }
#pragma warning disable CA1031 // Whatever went wrong belongs to this request alone: its consumer gets it, the others go on.
        catch (Exception e)
#pragma warning restore CA1031
        {
            End(e);
            return false;
        }
    }

    /// <summary>Begins the request's next round on the engine's thread.</summary>
    /// <param name="company">How many requests may share its pass, this one included.</param>
    /// <returns>Whether it goes on.</returns>
    internal bool BeginRound(int company)
    {
        Generation.Share(company);
        return Run(static (generation, cancellation) => generation.BeginRound(cancellation));
    }

    /// <summary>Goes on with the round, from where it waits to where it waits next, or to its end. It shares what it waits for, so that it is not alone.</summary>
    internal void GoOn()
    {
        if (Run(static (generation, cancellation) => generation.GoOn(cancellation)) && !Generation.Waits)
        {
            EndRound(soon: true);
        }
    }

    /// <summary>Ends the round that the request has begun.</summary>
    /// <param name="soon">Whether the consumer is to be told of its tokens at once; else it may be later, of more.</param>
    /// <returns>Whether it goes on.</returns>
    internal bool EndRound(bool soon)
    {
        if (!Run(static (generation, cancellation) => generation.EndRound(cancellation)))
        {
            return false;
        }

        CountKvBytes();
        var generation = Generation;
        if (generation.FinishReason != FinishReason.None)
        {
            End(null);
            return false;
        }

        _signal.Publish(generation.Output.Length, soon);
        return true;
    }

    /// <summary>Ends the request on the engine's thread if its consumer has left or cancelled it, or the engine stops.</summary>
    /// <returns>Whether it has ended.</returns>
    internal bool EndIfUnwanted()
    {
        if (_abandonment.IsCancellationRequested)
        {
            End(new ObjectDisposedException(nameof(TokenReader)));
        }
        else if (_cancellation.IsCancellationRequested)
        {
            End(new OperationCanceledException(_cancellation));
        }
        else if (_engineStops.IsCancellationRequested)
        {
            End(new ObjectDisposedException(nameof(LayerSkipEngine)));
        }

        return HasEnded;
    }

    /// <summary>Tells the consumer of all tokens there are.</summary>
    internal void Tell() => _signal.Publish(Generation.Output.Length, soon: true);

    /// <summary>The request loses its cache to others, and waits: its consumer need not, for tokens that are final.</summary>
    internal void Suspend()
    {
        Tell();
        StopRunning();
        GiveCacheAway();
    }

    /// <summary>The request runs.</summary>
    internal void Resume()
    {
        _runs = true;
        _load.Run();
    }

    /// <summary>Counts what its cache takes now.</summary>
    internal void CountKvBytes()
    {
        var bytes = Generation.KvBytes;
        _load.AddKvBytesInUse(bytes - _kvBytes);
        _kvBytes = bytes;
    }

    /// <summary>Ends the request on the engine's thread, whether or not it has begun.</summary>
    internal void End(Exception? error)
    {
        if (EndWaiting(error))
        {
            return;
        }

        if (Interlocked.Exchange(ref _state, Ended) == Taken)
        {
            StopRunning();
            Complete(error);
        }
    }

    /// <summary>Ends the request on any thread, unless the engine has begun it.</summary>
    private bool EndWaiting(Exception? error)
    {
        var ends = Interlocked.CompareExchange(ref _state, Ended, Waiting) == Waiting;
        if (ends)
        {
            _prompt = [];
            _registration.Unregister();
            Complete(error);
        }

        return ends;
    }

    /// <summary>Runs something of the request's decoding.</summary>
    /// <returns>Whether it goes on; false where it has ended, with the error.</returns>
    private bool Run(Action<Generation, CancellationToken> run)
    {
        try
        {
            run(Generation, _ends);
            return true;
        }
#pragma warning disable CA1031 // As above.
        catch (Exception e)
#pragma warning restore CA1031
        {
            // That a step was cut short does not tell by whom.
            if (e is not OperationCanceledException || !EndIfUnwanted())
            {
                End(e);
            }

            return false;
        }
    }

    private void Complete(Exception? error)
    {
        Statistics = new GenerationStatistics { PromptTokens = PromptTokens };
        if (_generation is { } generation)
        {
            _signal.Prepare(generation.Output.Length);
            FinishReason = generation.FinishReason;
            Statistics = generation.Statistics;
            try
            {
                try
                {
                    GiveCacheAway();
                }
                finally
                {
                    generation.Dispose();
                }
            }
#pragma warning disable CA1031 // The request has ended, and its consumer is to be told whatever becomes of the memory.
            catch (Exception e)
#pragma warning restore CA1031
            {
                error ??= e;
            }
        }

        _ending?.Dispose();

        // Counted out first: who is told of the end may ask again at once.
        _load.Leave();
        _released.TrySetResult();
        _signal.End(error);
    }

    private void StopRunning()
    {
        if (_runs)
        {
            _runs = false;
            _load.Suspend();
        }
    }

    private void GiveCacheAway()
    {
        // Out of one count before into the other, so that both together never exceed the budget.
        var cache = Generation.TakeCache();
        CountKvBytes();
        if (cache is not null)
        {
            _idle!.Add(Generation.Tokens, cache, Generation.PrefixScope);
        }
    }
}
