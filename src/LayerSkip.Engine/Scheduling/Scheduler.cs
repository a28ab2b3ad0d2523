using LayerSkip.Engine.Decoding;

namespace LayerSkip.Engine.Scheduling;

/// <summary>
/// Whose turn it is, and whose memory. Requests begin in the order they came, and a turn is one round of all that decode, and so much of the others' prompts as
/// <see cref="PromptTurns"/> deals. Used by the engine's thread alone.
/// </summary>
internal sealed class Scheduler : IDisposable
{
    private readonly LayerSkipModel _model;
    private readonly EngineOptions _options;
    private readonly KvMemory _memory;
    private readonly PrefixReuse _reuse;
    private readonly PromptTurns _prompts;

    // Oldest first.
    private readonly List<TokenReader> _running = [];

    // Ran until memory was short; the oldest on top. Until they go on, nobody begins.
    private readonly Stack<TokenReader> _suspended = new();
    private Queue<TokenReader> _waiting = new();
    private readonly PoolingQueue _poolings;
    private readonly PassSharing _passes;

    public Scheduler(LayerSkipModel model, EngineOptions options, KvCacheBudgets budgets, EngineLoad load)
    {
        (_model, _options) = (model, options);
        _memory = new KvMemory(model, budgets, load);
        _reuse = new PrefixReuse(model, _memory);
        _prompts = new PromptTurns(_reuse);
        _poolings = new PoolingQueue(_memory, MaxUnfinished);
        _passes = new PassSharing(model.Steps);
    }

    /// <summary>Whether there is nothing to do.</summary>
    public bool IsIdle => _running.Count == 0 && _suspended.Count == 0 && _waiting.Count == 0 && _poolings.IsIdle;

    private long MaxUnfinished => _options.MaxConcurrentRequests + (long)_options.MaxQueuedRequests;

    /// <summary>Takes a request on, to begin after those that came before.</summary>
    public void Add(TokenReader reader)
    {
        // Requests may end while they wait, but leave the queue only here and in their turn. It must not grow with them.
        if (_waiting.Count >= MaxUnfinished)
        {
            _waiting = new(_waiting.Where(static waiting => !waiting.HasEnded));
        }

        _waiting.Enqueue(reader);
    }

    /// <summary>Takes a request for hidden states on, to begin after those that came before.</summary>
    public void Add(PoolingRequest request) => _poolings.Add(request);

    /// <summary>One round for each request that decodes, a piece of a prompt or some short ones, and one pass for hidden states; those that have ended leave.</summary>
    /// <remarks>Steps of their drafts share passes over the first layers, and what they have drafted then shares one over the last. Rounds that the device runs as a whole share all of it.</remarks>
    public void Turn()
    {
        Admit();
        var began = _options.Clock.GetTimestamp();
        _prompts.Deal(_running);
        var (before, takesLong) = (_running.Count, TakesLong());
        if (takesLong)
        {
            foreach (var reader in _running)
            {
                reader.Tell();
            }
        }

        for (var i = 0; i < _running.Count;)
        {
            var reader = _running[i];
            if (!reader.EndIfUnwanted() && (!reader.HasTurn || Begin(reader, takesLong)))
            {
                i++;
            }
            else
            {
                _running.Remove(reader);
            }
        }

        _passes.Run(_running);
        for (var i = 0; i < _running.Count;)
        {
            if (!_running[i].HasEnded && (!_running[i].Generation.Waits || _running[i].EndRound(soon: takesLong)))
            {
                i++;
            }
            else
            {
                _running.RemoveAt(i);
            }
        }

        if (_running.Count < before)
        {
            _passes.MemoryIsFreed();
        }

        _prompts.Learn(_options.Clock.GetElapsedTime(began));
        _poolings.Turn();
    }

    /// <summary>Ends all requests.</summary>
    public void End(Exception error)
    {
        foreach (var reader in _running.Concat(_suspended).Concat(_waiting))
        {
            reader.End(error);
        }

        _running.Clear();
        _suspended.Clear();
        _waiting.Clear();
        _poolings.End(error);
    }

    /// <summary>Frees the idle caches.</summary>
    public void Dispose() => _memory.Dispose();

    /// <summary>Begins a request's round, and ends it where it waits for nothing.</summary>
    /// <returns>Whether it goes on.</returns>
    private bool Begin(TokenReader reader, bool takesLong) =>
        MakeRoom(reader) && reader.BeginRound(Company(reader)) && (reader.Generation.Waits || reader.EndRound(soon: takesLong));

    /// <summary>Whether the turn may take many times as long as a round, beside which nobody is to wait for tokens that are there.</summary>
    private bool TakesLong()
    {
        var takesLong = _poolings.Runs;
        foreach (var reader in _running)
        {
            takesLong |= reader.Generation.NextRows > 1 && _running.Count > 1;
        }

        return takesLong;
    }

    /// <summary>How many requests may share a request's pass, itself included: those that begin a round of as many layers, and of its kind.</summary>
    private int Company(TokenReader reader)
    {
        var company = 0;
        foreach (var other in _running)
        {
            var isAlike = other.Generation.Depth == reader.Generation.Depth && other.Generation.RunsWhole == reader.Generation.RunsWhole;
            company += isAlike && other.HasTurn && !other.Generation.IsLongPrompt ? 1 : 0;
        }

        return Math.Max(1, company);
    }

    private void Admit()
    {
        foreach (var reader in _suspended)
        {
            reader.EndIfUnwanted();
        }

        while (_running.Count < _options.MaxConcurrentRequests)
        {
            if (_suspended.TryPeek(out var suspended))
            {
                if (!suspended.HasEnded && !Fits(suspended))
                {
                    return;
                }

                _suspended.Pop();
                if (!suspended.HasEnded)
                {
                    suspended.Resume();
                    _running.Add(suspended);
                }
            }
            else if (_waiting.TryPeek(out var next) && (next.HasEnded || Fits(next)))
            {
                _waiting.Dequeue();
                if (next.Begin(_model, _memory.Idle))
                {
                    _running.Add(next);
                }
            }
            else
            {
                return;
            }
        }
    }

    /// <summary>Whether a request may run without taking the memory that the others are about to need. Alone it may, and ends if that was wrong.</summary>
    private bool Fits(TokenReader next)
    {
        var needed = _poolings.Bytes + _model.KvBytesOf(next.RoundPositions);
        foreach (var reader in _running)
        {
            needed += Math.Max(reader.Generation.KvBytes, _model.KvBytesOf(reader.RoundPositions));
        }

        return needed <= _memory.Budget || (_running.Count == 0 && _poolings.Bytes == 0);
    }

    /// <summary>Makes room for a request's next round: at the cost of idle caches first, then of the requests that came last.</summary>
    /// <returns>False where there is none: the request has been suspended, or has ended.</returns>
    private bool MakeRoom(TokenReader reader)
    {
        try
        {
            if (reader.Generation.NextRows > 1)
            {
                // Others may have come further since its last piece.
                _reuse.Extend(reader.Generation, _running);
                reader.CountKvBytes();
            }

            var generation = reader.Generation;
            generation.MaxPositions = int.MaxValue;
            while (!_memory.TryReserve(generation.Cache, generation.NextPositions))
            {
                // Alone, it drafts what there is room for. Beside others it does not: its time, and its counts, are not to depend on their memory.
                var last = _running[^1];
                if (_running.Count == 1 && !_poolings.Runs)
                {
                    if (!_memory.TryReserve(generation.Cache, generation.LeastPositions))
                    {
                        reader.End(NeverFits(generation.LeastPositions));
                        return false;
                    }

                    generation.MaxPositions = generation.Cache.Capacity;
                    break;
                }

                _running.RemoveAt(_running.Count - 1);
                _suspended.Push(last);
                last.Suspend();
                if (last == reader)
                {
                    return false;
                }
            }

            reader.CountKvBytes();
            return true;
        }
#pragma warning disable CA1031 // The machine's memory is short, or the model has been disposed: the others find out in their turns.
        catch (Exception e)
#pragma warning restore CA1031
        {
            reader.End(e);
            return false;
        }
    }

    private InsufficientMemoryException NeverFits(int positions) => new(
        $"The request needs {_model.KvBytesOf(positions)} bytes of KV cache for {positions} tokens, but KvCacheBudget is {_memory.Budget}.");
}
