namespace LayerSkip.AI;

/// <summary>What a client does with a part of a request that it cannot honour, but without which the answer is still of use.</summary>
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
