namespace LayerSkip.Engine.Scheduling;

/// <summary>An engine, or one that is still loading, has as many unfinished requests as its options allow, and refuses another. It may be asked again later.</summary>
public sealed class RequestQueueFullException : InvalidOperationException
{
    /// <summary>Says how many that are.</summary>
    /// <param name="options">The engine's options.</param>
    public RequestQueueFullException(EngineOptions options)
        : base(Describe(options))
    {
    }

    private static string Describe(EngineOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return $"The engine has {options.MaxConcurrentRequests + (long)options.MaxQueuedRequests} unfinished requests, the most that MaxConcurrentRequests ({options.MaxConcurrentRequests}) "
            + $"and MaxQueuedRequests ({options.MaxQueuedRequests}) allow: try again once one of them has ended.";
    }
}
