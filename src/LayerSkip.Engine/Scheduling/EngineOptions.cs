namespace LayerSkip.Engine.Scheduling;

/// <summary>How many requests an engine takes on at once, and what memory their KV caches may take.</summary>
public sealed record EngineOptions
{
    /// <summary>
    /// Most requests that run at once, at least 1. Each turn is a round of all of them that decode, so that none waits for another's end; more at once bring more tokens in
    /// all, where rounds share a pass over the weights, but each its own later.
    /// </summary>
    public int MaxConcurrentRequests { get; init; } = 16;

    /// <summary>Most requests that wait beside those for their first turn, at least 0; further ones are refused with a <see cref="RequestQueueFullException"/>.</summary>
    public int MaxQueuedRequests { get; init; } = 256;

    /// <summary>
    /// Most bytes of all KV caches, those of running requests and idle ones, at least 1. Where it is reached, idle caches go first; then the
    /// requests that came last wait, and later compute again what they had. A request that cannot fit alone ends with an
    /// <see cref="InsufficientMemoryException"/>. Null: half of the memory that the weights leave, but at least an eighth of all memory. <see cref="LayerSkipModel.KvBytesOf"/> tells what a request takes.
    /// </summary>
    public long? KvCacheBudget { get; init; }

    /// <summary>
    /// Of these, most bytes of idle caches: those of requests that have ended, kept for later ones whose prompts begin alike, the least recently
    /// used going first. 0: nothing is kept, and nothing is shared between running requests. Null: a quarter of <see cref="KvCacheBudget"/>, but
    /// no more than <see cref="MaxConcurrentRequests"/> full contexts take.
    /// </summary>
    public long? IdleKvCacheBudget { get; init; }

    /// <summary>Tells how long turns take, by which they compute more or fewer rows of prompts.</summary>
    internal TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Checks every value's range.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A value is outside its range; the message names it.</exception>
    public void Validate()
    {
        if (MaxConcurrentRequests < 1)
        {
            throw new ArgumentOutOfRangeException(
                nameof(MaxConcurrentRequests), MaxConcurrentRequests, "MaxConcurrentRequests must be at least 1.");
        }

        if (MaxQueuedRequests < 0)
        {
            throw new ArgumentOutOfRangeException(nameof(MaxQueuedRequests), MaxQueuedRequests, "MaxQueuedRequests must be at least 0.");
        }

        if (KvCacheBudget < 1)
        {
            throw new ArgumentOutOfRangeException(nameof(KvCacheBudget), KvCacheBudget, "KvCacheBudget must be null or at least 1 byte.");
        }

        if (IdleKvCacheBudget < 0)
        {
            throw new ArgumentOutOfRangeException(
                nameof(IdleKvCacheBudget), IdleKvCacheBudget, "IdleKvCacheBudget must be null, 0 (no reuse) or a number of bytes.");
        }
    }
}
