namespace LayerSkip.Engine.Scheduling;

/// <summary>Whose turn it is. Requests begin in the order they came, and those that run get one round each in turn. Used by the engine's thread alone.</summary>
internal sealed class Scheduler(LayerSkipModel model, EngineOptions options)
{
    private readonly List<TokenReader> _running = [];
    private Queue<TokenReader> _waiting = new();

    /// <summary>Whether there is nothing to do.</summary>
    public bool IsIdle => _running.Count == 0 && _waiting.Count == 0;

    /// <summary>Takes a request on, to begin after those that came before.</summary>
    public void Add(TokenReader reader)
    {
        // Requests may end while they wait, but leave the queue only here and in their turn. It must not grow with them.
        if (_waiting.Count >= options.MaxConcurrentRequests + (long)options.MaxQueuedRequests)
        {
            _waiting = new(_waiting.Where(static waiting => !waiting.HasEnded));
        }

        _waiting.Enqueue(reader);
    }

    /// <summary>One round for each running request; those that have ended leave.</summary>
    public void Turn()
    {
        while (_running.Count < options.MaxConcurrentRequests && _waiting.TryDequeue(out var next))
        {
            if (next.Begin(model))
            {
                _running.Add(next);
            }
        }

        var alone = _running.Count == 1;
        for (var i = 0; i < _running.Count;)
        {
            if (_running[i].Step(alone))
            {
                i++;
            }
            else
            {
                _running.RemoveAt(i);
            }
        }
    }

    /// <summary>Ends all requests.</summary>
    public void End(Exception error)
    {
        foreach (var reader in _running.Concat(_waiting))
        {
            reader.End(error);
        }

        _running.Clear();
        _waiting.Clear();
    }
}
