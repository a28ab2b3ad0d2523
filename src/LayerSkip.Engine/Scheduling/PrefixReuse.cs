using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Scheduling;

/// <summary>
/// Gives requests what others have computed of their tokens. By invariants I1 and I2 those are the very entries that they would compute
/// themselves. Used by the engine's thread alone.
/// </summary>
internal sealed class PrefixReuse(LayerSkipModel model, KvMemory memory)
{
    /// <summary>Fewest positions that are worth a copy, and most that an idle cache may lose to a request that goes on from it.</summary>
    private const int FewPositions = 32;

    /// <summary>Begins a generation that has no cache with the longest prefix there is of its tokens.</summary>
    /// <param name="generation">About to begin, or to go on after it lost its cache.</param>
    /// <param name="running">The running requests.</param>
    public void Begin(Generation generation, List<TokenReader> running)
    {
        if (!memory.Idle.IsEnabled)
        {
            return;
        }

        // The last token has to run whatever is known, for the model to say what follows it.
        var tokens = generation.Tokens[..^1];
        var (idle, length) = memory.Idle.Find(tokens, generation.PrefixScope, generation.Depth);
        var source = idle?.Cache;
        foreach (var other in running)
        {
            var match = Match(generation, other.Generation);
            if (match > length)
            {
                (idle, source, length) = (null, other.Generation.Cache, match);
            }
        }

        if (source is null)
        {
            return;
        }

        // A next turn goes on from its conversation's cache; where little of a cache would be of use, it stays for its own next turn.
        if (idle is not null && idle.Tokens.Length - length <= Math.Max(FewPositions, length / 8))
        {
            TakeOver(generation, idle, length);
        }
        else if (length >= FewPositions)
        {
            Copy(generation, source, idle, length);
        }
    }

    private void TakeOver(Generation generation, CachedSequence idle, int length)
    {
        memory.Idle.Remove(idle);
        idle.Cache.Continue(generation.Depth, length);
        generation.Continue(idle.Cache);
    }

    private void Copy(Generation generation, KvCache source, CachedSequence? idle, int length)
    {
        if (!memory.TryFree(model.KvBytesOf(length), spared: idle))
        {
            if (idle is not null)
            {
                TakeOver(generation, idle, length);
            }

            return;
        }

        var copy = model.Steps.CreateCache();
        try
        {
            copy.CopyFrom(source, generation.Depth, length);
        }
        catch (Exception error)
        {
            copy.Dispose();
            if (error is OutOfMemoryException)
            {
                // Then it computes them itself, as far as it gets.
                return;
            }

            throw;
        }

        if (idle is not null)
        {
            memory.Idle.Touch(idle);
        }

        generation.Continue(copy);
    }

    private static int Match(Generation generation, Generation other) => other.PrefixScope == generation.PrefixScope
        ? generation.Tokens[..^1].CommonPrefixLength(other.Tokens[..other.ValidLength(generation.Depth)])
        : 0;
}
