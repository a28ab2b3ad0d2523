using System.Collections.Concurrent;
using System.Diagnostics;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;

namespace LayerSkip.Engine.Scheduling;

/// <summary>Serves many requests on one model: a thread of its own gives all that decode one round a turn. Safe for concurrent use.</summary>
/// <remarks>
/// <para>
/// What fails in one request ends that one alone. They begin in the order they came, and then go on together: a turn is a round of each that decodes, and of the prompts
/// 256 tokens in all, a piece of the oldest request's or several short ones, which come first in every other turn. What the rounds have drafted is verified in passes that
/// they share. No lock is held while computing.
/// </para>
/// <para>
/// A request whose prompt begins as that of another did gets the other's KV entries for these tokens, which are bit for bit its own; so its
/// output never depends on others. That it took less time, and <see cref="GenerationStatistics.CachedTokens"/>, tell that some request of the
/// same <see cref="DecodingOptions.PrefixScope"/> began alike: scopes keep those apart who must not learn this of each other, and
/// <see cref="EngineOptions.IdleKvCacheBudget"/> 0 ends all sharing.
/// </para>
/// </remarks>
public sealed class LayerSkipEngine : IDisposable
{
    /// <summary>How long the thread watches for the next request before it sleeps: waking takes about a millisecond, a short answer hardly longer.</summary>
    private static readonly long s_spinTicks = Stopwatch.Frequency / 500;

    private readonly ConcurrentQueue<TokenReader> _arrivals = new();
    private readonly ConcurrentQueue<PoolingRequest> _poolings = new();
    private readonly SemaphoreSlim _wake = new(0);
    private readonly EngineOptions _options;
    private readonly EngineLoad _load;
    private readonly KvCacheBudgets _budgets;
    private readonly Thread _thread;
    private readonly bool _ownsModel;
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationToken _stops;
    private int _sleeping;
    private int _disposed;

    /// <summary>Starts the engine's thread.</summary>
    /// <param name="model">The loaded model.</param>
    /// <param name="ownsModel">Whether disposing the engine disposes the model.</param>
    /// <param name="options">How many requests it takes on; null: the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is outside its range; the message names it.</exception>
    public LayerSkipEngine(LayerSkipModel model, bool ownsModel = false, EngineOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        _options = options ?? new();
        _options.Validate();
        _load = new EngineLoad(_options.MaxConcurrentRequests + (long)_options.MaxQueuedRequests);
        _budgets = KvCacheBudgets.Of(model, _options);
        Model = model;
        _ownsModel = ownsModel;
        _stops = _stopping.Token;
        _thread = new Thread(Serve) { IsBackground = true, Name = "LayerSkip engine" };
        _thread.Start();
    }

    /// <summary>The model being served.</summary>
    public LayerSkipModel Model { get; }

    /// <summary>Requests that wait for their turn to begin, or for memory to go on.</summary>
    public int QueuedRequests => _load.Waiting;

    /// <summary>Requests that run.</summary>
    public int RunningRequests => _load.Running;

    /// <summary>Bytes of the running requests' KV caches; those for hidden states count for the most that they may come to take.</summary>
    public long KvBytesInUse => _load.KvBytesInUse;

    /// <summary>Bytes of the KV caches that are kept for later requests.</summary>
    public long KvBytesIdle => _load.KvBytesIdle;

    /// <summary>Most bytes of all KV caches: what the options say, or their default for this model and machine.</summary>
    public long KvCacheBudget => _budgets.Total;

    /// <summary>Refuses a request that has no chance at present, before the work of preparing it. It may still be refused once it is prepared.</summary>
    /// <exception cref="RequestQueueFullException">As many requests are unfinished as the engine's options allow.</exception>
    public void ThrowIfFull()
    {
        if (_load.IsFull)
        {
            throw new RequestQueueFullException(_options);
        }
    }

    /// <summary>Starts a request.</summary>
    /// <param name="prompt">Token ids, at least one, fewer than the model's context.</param>
    /// <param name="options">How to decode; null: greedy, drafting as the checkpoint declares, until it stops or the context ends.</param>
    /// <param name="cancellationToken">Ends the request between layers, or behind a pass that it shares, or at once while it waits for its turn to begin.</param>
    /// <returns>The request's tokens; to be disposed by the caller.</returns>
    /// <exception cref="ArgumentException">The prompt is empty or too long, or an option does not fit the model; the message names it.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A token or an option is outside its range.</exception>
    /// <exception cref="InsufficientMemoryException">The prompt alone needs more memory than <see cref="KvCacheBudget"/>.</exception>
    /// <exception cref="RequestQueueFullException">As many requests are unfinished as the engine's options allow.</exception>
    /// <exception cref="ObjectDisposedException">The engine has been disposed.</exception>
    public TokenReader Generate(ReadOnlySpan<int> prompt, DecodingOptions? options = null, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        var plan = Model.Plan(prompt, options);
        RequireMemory("The prompt's", prompt.Length);
        var ownPrompt = prompt.ToArray();
        CountIn();
        return Enqueue(_arrivals, new TokenReader(_load, ownPrompt, plan, cancellationToken, _stops));
    }

    /// <summary>
    /// Means of hidden states, for embeddings, as <see cref="LayerSkipModel.MeanHiddenStates"/> gives them. Such requests run one after the other,
    /// and beside those that decode: a pass of up to 256 tokens in turn with one round of each. Each begins when the KV budget has room for all that it may
    /// take; where that is short, its passes are shorter. One of many inputs is admitted once, and runs in pieces, between which others have their turn.
    /// </summary>
    /// <param name="tokens">Token ids of the inputs, one input after the other.</param>
    /// <param name="lengths">Tokens of each input: at least 1, at most the model's context.</param>
    /// <param name="layer">Layers to run, 1 .. L for a model of L layers.</param>
    /// <param name="cancellationToken">Ends the waiting at once, and the request between layers.</param>
    /// <returns>[inputs, hidden], row after row.</returns>
    /// <exception cref="ArgumentException">The lengths do not fit the tokens.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A token, a length or the layer is outside its range; the message names it.</exception>
    /// <exception cref="NotSupportedException">The model is a <see cref="ScriptedModel"/>, which has no hidden states.</exception>
    /// <exception cref="CheckpointException">A hidden state is not finite: the weights are damaged.</exception>
    /// <exception cref="InsufficientMemoryException">One input alone needs more memory than <see cref="KvCacheBudget"/>.</exception>
    /// <exception cref="RequestQueueFullException">As many requests are unfinished as the engine's options allow.</exception>
    /// <exception cref="ObjectDisposedException">The engine has been disposed.</exception>
    public Task<float[]> MeanHiddenStatesAsync(
        ReadOnlySpan<int> tokens, ReadOnlySpan<int> lengths, int layer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        Model.CheckPooling(tokens, lengths, layer);
        foreach (var length in lengths)
        {
            RequireMemory("An input's", length);
        }

        var (ownTokens, ownLengths) = (tokens.ToArray(), lengths.ToArray());
        var pieces = PoolingPieces.Of(ownLengths);
        CountIn();
        return pieces.Count > 1
            ? PoolPiecesAsync(pieces, ownTokens, ownLengths, layer, cancellationToken)
            : Pool(ownTokens, ownLengths, layer, countsOut: true, cancellationToken);
    }

    /// <summary>Ends all requests (their consumers get an <see cref="ObjectDisposedException"/>), between layers or behind a pass that they share, and the thread.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        _stopping.Cancel();
        Wake();
        _thread.Join();
        _wake.Dispose();
        _stopping.Dispose();
        if (_ownsModel)
        {
            Model.Dispose();
        }
    }

    private bool IsStopping => _stops.IsCancellationRequested;

    private Task<float[]> Pool(int[] tokens, int[] lengths, int layer, bool countsOut, CancellationToken cancellationToken)
    {
        var kvBytes = Math.Min(MeanPooling.KvBytesOf(Model.Steps, lengths), _budgets.Total);
        return Enqueue(_poolings, new PoolingRequest(
            _load, kvBytes, () => Model.StartPooling(tokens, lengths, layer, kvBytes), countsOut, cancellationToken, _stops)).Completion;
    }

    /// <summary>One piece after the other. The request keeps its place among the unfinished ones in between: it would lose its work if it were refused there.</summary>
    private async Task<float[]> PoolPiecesAsync(
        IReadOnlyList<int> pieces, int[] tokens, int[] lengths, int layer, CancellationToken cancellationToken)
    {
        try
        {
            var means = new float[lengths.Length * Model.Config.HiddenSize];
            var (firstToken, firstInput) = (0, 0);
            foreach (var inputs in pieces)
            {
                var own = lengths[firstInput..(firstInput + inputs)];
                var endToken = firstToken + own.Sum();
                var piece = await Pool(tokens[firstToken..endToken], own, layer, countsOut: false, cancellationToken).ConfigureAwait(false);
                piece.CopyTo(means, firstInput * Model.Config.HiddenSize);
                (firstToken, firstInput) = (endToken, firstInput + inputs);
            }

            return means;
        }
        finally
        {
            _load.Leave();
        }
    }

    private void RequireMemory(string what, int tokens)
    {
        if (Model.KvBytesOf(tokens) is var bytes && bytes > _budgets.Total)
        {
            throw new InsufficientMemoryException(
                $"{what} {tokens} tokens need {bytes} bytes of KV cache, but KvCacheBudget is {_budgets.Total}.");
        }
    }

    private void CountIn()
    {
        if (!_load.TryEnter())
        {
            throw new RequestQueueFullException(_options);
        }
    }

    private T Enqueue<T>(ConcurrentQueue<T> arrivals, T request)
    {
        arrivals.Enqueue(request);
        Wake();
        if (IsStopping)
        {
            // The thread may have looked at the queues for the last time already.
            EndArrivals();
        }

        return request;
    }

    private void Wake()
    {
        if (Interlocked.Exchange(ref _sleeping, 0) == 1)
        {
            _wake.Release();
        }
    }

    private void Serve()
    {
        using var scheduler = new Scheduler(Model, _options, _budgets, _load);
        while (!IsStopping)
        {
            try
            {
                ServeTurn(scheduler);
            }
#pragma warning disable CA1031 // What is no single request's failure ends all there are, never the process; later ones may fare better.
            catch (Exception e)
#pragma warning restore CA1031
            {
                scheduler.End(e);
            }
        }

        scheduler.End(new ObjectDisposedException(nameof(LayerSkipEngine)));
        EndArrivals();
    }

    private void ServeTurn(Scheduler scheduler)
    {
        while (_arrivals.TryDequeue(out var arrival))
        {
            scheduler.Add(arrival);
        }

        while (_poolings.TryDequeue(out var pooling))
        {
            scheduler.Add(pooling);
        }

        if (scheduler.IsIdle)
        {
            WaitForArrival();
        }
        else
        {
            scheduler.Turn();
        }
    }

    private void EndArrivals()
    {
        while (_arrivals.TryDequeue(out var arrival))
        {
            arrival.End(new ObjectDisposedException(nameof(LayerSkipEngine)));
        }

        while (_poolings.TryDequeue(out var pooling))
        {
            pooling.End(new ObjectDisposedException(nameof(LayerSkipEngine)));
        }
    }

    private void WaitForArrival()
    {
        var since = Stopwatch.GetTimestamp();
        while (NothingCame() && !IsStopping)
        {
            if (Stopwatch.GetTimestamp() - since < s_spinTicks)
            {
                // Yielding, since on a busy machine it is the next request's sender that needs this processor.
                Thread.SpinWait(20);
                Thread.Yield();
                continue;
            }

            // An arrival that came before the flag stood must not be slept through; if Wake has taken the flag, its release is due.
            Interlocked.Exchange(ref _sleeping, 1);
            if ((NothingCame() && !IsStopping) || Interlocked.Exchange(ref _sleeping, 0) == 0)
            {
                _wake.Wait();
            }
        }
    }

    private bool NothingCame() => _arrivals.IsEmpty && _poolings.IsEmpty;
}
