namespace LayerSkip.Engine.Scheduling;

/// <summary>How many requests an engine takes on at once.</summary>
public sealed record EngineOptions
{
    /// <summary>
    /// Most requests that run at once, at least 1. They take turns, so that more of them make none faster: each waits for the rounds of all
    /// others, but none for another's end.
    /// </summary>
    public int MaxConcurrentRequests { get; init; } = 16;

    /// <summary>Most requests that wait beside those for their first turn, at least 0; further ones are refused with a <see cref="RequestQueueFullException"/>.</summary>
    public int MaxQueuedRequests { get; init; } = 256;

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
    }
}
