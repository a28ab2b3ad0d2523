namespace LayerSkip.Engine.Scheduling;

/// <summary>The engine has as many unfinished requests as its options allow, and refuses another. Nothing is wrong with it: it may be asked again later.</summary>
public sealed class RequestQueueFullException : InvalidOperationException
{
    internal RequestQueueFullException(EngineOptions options)
        : base(
            $"The engine has {options.MaxConcurrentRequests + (long)options.MaxQueuedRequests} unfinished requests, the most that MaxConcurrentRequests ({options.MaxConcurrentRequests}) "
            + $"and MaxQueuedRequests ({options.MaxQueuedRequests}) allow: try again once one of them has ended.")
    {
    }
}
