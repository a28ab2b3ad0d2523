using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Scheduling;

/// <summary>The KV caches of ended requests, kept for later ones that begin alike; the least recently used go first. Used by the engine's thread alone.</summary>
/// <param name="budget">Most bytes to keep; 0 keeps nothing.</param>
/// <param name="load">Told of the bytes.</param>
internal sealed class IdleCaches(long budget, EngineLoad load) : IDisposable
{
    /// <summary>Most caches, so that looking through all of them takes no time: some ten microseconds.</summary>
    private const int MaxCount = 512;

    // Least recently used first.
    private readonly List<CachedSequence> _sequences = [];

    /// <summary>Whether requests may share anything.</summary>
    public bool IsEnabled => budget > 0;

    /// <summary>Bytes of all caches.</summary>
    public long Bytes => load.KvBytesIdle;

    /// <summary>Takes a cache over, to keep it or to free it.</summary>
    /// <param name="tokens">Tokens of the sequence, those of the cache's positions first.</param>
    /// <param name="cache">Its cache.</param>
    /// <param name="scope">Its scope.</param>
    public void Add(ReadOnlySpan<int> tokens, KvCache cache, string? scope)
    {
        if (cache.Length == 0 || cache.Bytes > budget)
        {
            cache.Dispose();
            return;
        }

        CachedSequence added;
        try
        {
            added = new CachedSequence(tokens[..cache.Length].ToArray(), cache, scope);
            _sequences.EnsureCapacity(_sequences.Count + 1);
        }
        catch (OutOfMemoryException)
        {
            // Reuse is worth no request's failure.
            cache.Dispose();
            return;
        }

        for (var i = _sequences.Count - 1; i >= 0; i--)
        {
            var kept = _sequences[i];
            if (IsWithin(kept, added))
            {
                Remove(kept);
                kept.Cache.Dispose();
            }
            else if (IsWithin(added, kept))
            {
                cache.Dispose();
                Touch(kept);
                return;
            }
        }

        while (_sequences.Count == MaxCount || Bytes + cache.Bytes > budget)
        {
            EvictOldest();
        }

        _sequences.Add(added);
        load.AddKvBytesIdle(cache.Bytes);
    }

    /// <summary>The sequence that a request can reuse the most of, or null. Of equals, the one that holds the least beside; then the one used last.</summary>
    /// <param name="tokens">The request's tokens that may be reused.</param>
    /// <param name="scope">The request's scope.</param>
    /// <param name="depth">Layers that it runs.</param>
    public (CachedSequence? Sequence, int Length) Find(ReadOnlySpan<int> tokens, string? scope, int depth)
    {
        CachedSequence? best = null;
        var longest = 0;
        foreach (var sequence in _sequences)
        {
            var length = sequence.Match(tokens, scope, depth);
            if (length > longest || (length > 0 && length == longest && sequence.Tokens.Length <= best!.Tokens.Length))
            {
                (best, longest) = (sequence, length);
            }
        }

        return (best, longest);
    }

    /// <summary>The sequence has been of use.</summary>
    public void Touch(CachedSequence sequence)
    {
        _sequences.Remove(sequence);
        _sequences.Add(sequence);
    }

    /// <summary>Gives a sequence's cache away.</summary>
    public void Remove(CachedSequence sequence)
    {
        _sequences.Remove(sequence);
        load.AddKvBytesIdle(-sequence.Cache.Bytes);
    }

    /// <summary>Frees the cache that has not been used for longest.</summary>
    /// <param name="spared">Is not freed.</param>
    /// <returns>False where there is none.</returns>
    public bool EvictOldest(CachedSequence? spared = null)
    {
        foreach (var sequence in _sequences)
        {
            if (sequence != spared)
            {
                Remove(sequence);
                sequence.Cache.Dispose();
                return true;
            }
        }

        return false;
    }

    /// <summary>Frees all.</summary>
    public void Dispose()
    {
        while (EvictOldest())
        {
        }
    }

    /// <summary>Whether nothing is lost with the first, the second being there.</summary>
    private static bool IsWithin(CachedSequence part, CachedSequence whole) =>
        part.Scope == whole.Scope && whole.Tokens.AsSpan().StartsWith(part.Tokens) && whole.Cache.Covers(part.Cache);
}
