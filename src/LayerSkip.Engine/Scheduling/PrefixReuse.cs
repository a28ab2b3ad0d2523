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

    /// <summary>Tokens of a generation that nobody has computed yet: the last one, and those behind the longest prefix there is.</summary>
    /// <param name="generation">About to begin, or to go on with its prompt.</param>
    /// <param name="running">The running requests.</param>
    public int Missing(Generation generation, List<TokenReader> running) => generation.Tokens.Length - Find(generation, running).Length;

    /// <summary>Whether a generation has so much in common with prompts that others are about to compute that it had better wait, and copy that.</summary>
    /// <param name="generation">About to begin, or to go on with its prompt.</param>
    /// <param name="missing">What <see cref="Missing"/> says of it.</param>
    /// <param name="computing">Requests whose present turn brings all of their tokens into their caches.</param>
    public bool PaysToWait(Generation generation, int missing, List<TokenReader> computing)
    {
        foreach (var other in computing)
        {
            if (memory.Idle.IsEnabled && other.Generation.Depth >= generation.Depth
                && Match(generation, other.Generation, other.Generation.Tokens.Length) >= generation.Tokens.Length - missing + FewPositions)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Goes on from the longest prefix there is of a generation's tokens, where it has not come as far itself.</summary>
    /// <param name="generation">About to begin, or to go on with its prompt.</param>
    /// <param name="running">The running requests.</param>
    public void Extend(Generation generation, List<TokenReader> running)
    {
        var prefix = Find(generation, running);
        if (prefix.Source is null)
        {
            return;
        }

        if (prefix is { Idle: { } idle, IsTakenOver: true })
        {
            TakeOver(generation, idle, prefix.Length);
        }
        else
        {
            Copy(generation, prefix);
        }
    }

    /// <summary>The longest prefix, where that is worth it; else what the generation has itself, without a source.</summary>
    private Prefix Find(Generation generation, List<TokenReader> running)
    {
        var own = new Prefix(generation.ValidLength(generation.Depth), Source: null);
        if (!memory.Idle.IsEnabled)
        {
            return own;
        }

        // The last token has to run whatever is known, for the model to say what follows it.
        var (idle, length) = memory.Idle.Find(generation.Tokens[..^1], generation.PrefixScope, generation.Depth);
        var longest = new Prefix(length, idle?.Cache, idle);
        foreach (var other in running)
        {
            var valid = other.Generation.ValidLength(generation.Depth);
            if (valid > longest.Length && Match(generation, other.Generation, valid) is var match && match > longest.Length)
            {
                longest = new Prefix(match, other.Generation.Cache);
            }
        }

        return longest.Length >= own.Length + (longest.IsTakenOver ? 1 : FewPositions) ? longest : own;
    }

    private void TakeOver(Generation generation, CachedSequence idle, int length)
    {
        memory.Idle.Remove(idle);
        idle.Cache.Continue(generation.Depth, length);
        generation.Continue(idle.Cache);
    }

    private void Copy(Generation generation, in Prefix prefix)
    {
        if (!memory.TryFree(model.KvBytesOf(prefix.Length) - generation.KvBytes, spared: prefix.Idle))
        {
            if (prefix.Idle is { } idle)
            {
                TakeOver(generation, idle, prefix.Length);
            }

            return;
        }

        try
        {
            generation.Continue(prefix.Source!, prefix.Length);
        }
        catch (OutOfMemoryException)
        {
            // Then it computes them itself, as far as it gets.
            return;
        }

        if (prefix.Idle is not null)
        {
            memory.Idle.Touch(prefix.Idle);
        }
    }

    /// <summary>How many of a generation's tokens, all but the last at most, are the first of another's.</summary>
    private static int Match(Generation generation, Generation other, int length) =>
        other.PrefixScope == generation.PrefixScope ? generation.Tokens[..^1].CommonPrefixLength(other.Tokens[..length]) : 0;

    /// <summary>Tokens that a request need not compute.</summary>
    /// <param name="Length">How many.</param>
    /// <param name="Source">Whose entries they are; null: its own.</param>
    /// <param name="Idle">The source, where no request uses it.</param>
    private readonly record struct Prefix(int Length, KvCache? Source, CachedSequence? Idle = null)
    {
        /// <summary>Whether the request takes the source itself: a next turn goes on from its conversation's cache; where little of a cache would be of use, it stays for its own next turn.</summary>
        public bool IsTakenOver => Idle is not null && Idle.Tokens.Length - Length <= Math.Max(FewPositions, Length / 8);
    }
}
