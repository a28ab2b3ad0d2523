namespace LayerSkip.AI;

/// <summary>What a client does with a part of a request that it cannot honour and that changes the answer's form at most.</summary>
/// <remarks>Where ignoring it would make the answer wrong, as with a required tool call, the client always throws.</remarks>
public enum UnsupportedOptionBehavior
{
    /// <summary>Answer as if it were not there.</summary>
    Ignore,

    /// <summary>The same, but log a warning, once for each such option and client.</summary>
    Warn,

    /// <summary>Refuse the request with a <see cref="NotSupportedException"/>.</summary>
    Throw,
}
