namespace LayerSkip.Engine.Decoding.Drafting;

/// <summary>
/// Finds where the context's last tokens have stood before, for a draft to copy what followed them there (prompt look-up). The longest match
/// counts, of equals the latest.
/// </summary>
/// <remarks>Pairs of tokens are chained as in LZ77: a step costs a bounded number of comparisons, memory is bounded, and nothing is allocated after the start.</remarks>
internal sealed class ContextLookup
{
    /// <summary>Shortest match, in tokens.</summary>
    public const int MinMatch = 2;

    /// <summary>Longest match that is told from longer ones.</summary>
    public const int MaxMatch = 16;

    private const int MaxWindow = 1 << 15;
    private const int MaxCandidates = 32;

    // By hash of a pair: the latest position of its second token. By position in the window: the one before it with the same hash.
    private readonly int[] _latest;
    private readonly int[] _previous;
    private int _indexed = 1;

    /// <param name="capacity">Tokens that prompt and output are likely to come to; further back than some ten thousand nothing is found.</param>
    public ContextLookup(int capacity)
    {
        var window = (int)Math.Min(MaxWindow, System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(capacity, 64)));
        _previous = new int[window];
        _latest = new int[window];
        _latest.AsSpan().Fill(-1);
    }

    /// <summary>The longest earlier occurrence of the context's end.</summary>
    /// <param name="context">Prompt and output; longer than at the last call, or the same.</param>
    public LookupMatch Find(ReadOnlySpan<int> context)
    {
        // The pair at the very end is entered at a later call, lest it be found itself.
        for (; _indexed < context.Length - 1; _indexed++)
        {
            ref var latest = ref _latest[Hash(context, _indexed)];
            _previous[_indexed & (_previous.Length - 1)] = latest;
            latest = _indexed;
        }

        if (context.Length < MinMatch)
        {
            return default;
        }

        var last = context.Length - 1;
        var best = default(LookupMatch);
        var candidate = _latest[Hash(context, last)];
        for (var i = 0; i < MaxCandidates && candidate > last - _previous.Length && candidate >= 0; i++)
        {
            var length = MatchLength(context, candidate, last);
            if (length >= MinMatch && length > best.Length)
            {
                best = new(length, candidate + 1);
                if (length == MaxMatch)
                {
                    break;
                }
            }

            candidate = _previous[candidate & (_previous.Length - 1)];
        }

        return best;
    }

    private int Hash(ReadOnlySpan<int> context, int second)
    {
        var pair = ((ulong)(uint)context[second - 1] << 32) | (uint)context[second];
        return (int)((pair * 0x9E3779B97F4A7C15) >> 40) & (_latest.Length - 1);
    }

    private static int MatchLength(ReadOnlySpan<int> context, int earlier, int last)
    {
        var length = 0;
        while (length < MaxMatch && length <= earlier && context[earlier - length] == context[last - length])
        {
            length++;
        }

        return length;
    }
}

/// <summary>An earlier occurrence of the context's end; empty where there is none.</summary>
/// <param name="Length">Tokens that are the same.</param>
/// <param name="Position">Position in the context of what followed them: as in LZ77, a copy from there may go on over itself, so that a period is repeated.</param>
internal readonly record struct LookupMatch(int Length, int Position)
{
    public bool IsEmpty => Length == 0;
}

/// <summary>A match, and how much of what followed it came again.</summary>
/// <param name="Length">Tokens that matched; 0 where nothing did.</param>
/// <param name="Right">Tokens that came again, of those the round brought.</param>
/// <param name="IsWrong">Whether another token came behind them.</param>
internal readonly record struct LookupOutcome(int Length, int Right, bool IsWrong);
