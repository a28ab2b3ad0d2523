using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Scheduling;

/// <summary>What a request has left behind: its tokens, and their keys and values.</summary>
/// <param name="Tokens">Those of the cache's positions.</param>
/// <param name="Cache">Used by no request.</param>
/// <param name="Scope">Requests of this scope alone may reuse it.</param>
internal sealed record CachedSequence(int[] Tokens, KvCache Cache, string? Scope)
{
    /// <summary>How many positions a request can reuse that runs the first <paramref name="depth"/> layers.</summary>
    /// <param name="tokens">The request's tokens that may be reused.</param>
    /// <param name="scope">The request's scope.</param>
    /// <param name="depth">Layers that it runs.</param>
    public int Match(ReadOnlySpan<int> tokens, string? scope, int depth) =>
        Scope == scope ? tokens.CommonPrefixLength(Tokens.AsSpan(0, Math.Min(Tokens.Length, Cache.ValidLength(depth)))) : 0;
}
