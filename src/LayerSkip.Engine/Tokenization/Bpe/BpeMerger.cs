using System.Buffers;

namespace LayerSkip.Engine.Tokenization.Bpe;

/// <summary>Byte-pair merging: the pair of lowest rank first, of equal ranks the leftmost, until no pair merges.</summary>
internal static class BpeMerger
{
    // Below this many symbols a scan of all pairs for each merge beats the queue.
    private const int ShortLength = 32;

    /// <summary>Merges the symbols in place and returns how many are left at the front of <paramref name="symbols"/>.</summary>
    public static int Merge(Span<int> symbols, MergeTable merges) =>
        symbols.Length <= ShortLength ? MergeShort(symbols, merges) : MergeLong(symbols, merges);

    /// <summary>O(n²) scans, no allocation.</summary>
    public static int MergeShort(Span<int> symbols, MergeTable merges)
    {
        var count = symbols.Length;
        if (count < 2)
        {
            return count;
        }

        Span<ulong> pairs = count <= ShortLength ? stackalloc ulong[ShortLength] : new ulong[count]; // pairs[i]: merge of symbols i and i+1
        for (var i = 0; i + 1 < count; i++)
        {
            pairs[i] = merges.Find(symbols[i], symbols[i + 1]);
        }

        while (count > 1)
        {
            var best = 0;
            for (var i = 1; i + 1 < count; i++)
            {
                if (pairs[i] >> 32 < pairs[best] >> 32)
                {
                    best = i;
                }
            }

            if (pairs[best] == MergeTable.NoMerge)
            {
                break;
            }

            symbols[best] = (int)(uint)pairs[best];
            symbols[(best + 2)..count].CopyTo(symbols[(best + 1)..]);
            if (best + 2 < count)
            {
                pairs[(best + 2)..(count - 1)].CopyTo(pairs[(best + 1)..]);
            }

            count--;
            if (best > 0)
            {
                pairs[best - 1] = merges.Find(symbols[best - 1], symbols[best]);
            }

            if (best + 1 < count)
            {
                pairs[best] = merges.Find(symbols[best], symbols[best + 1]);
            }
        }

        return count;
    }

    /// <summary>O(n log n): a linked list of symbols and a queue of candidate pairs, stale ones dropped when they come up.</summary>
    public static int MergeLong(Span<int> symbols, MergeTable merges)
    {
        const int Dead = -1;
        var count = symbols.Length;
        var next = ArrayPool<int>.Shared.Rent(count);
        var previous = ArrayPool<int>.Shared.Rent(count);
        var queue = new List<(int, ulong)>(count);
        for (var i = 0; i < count; i++)
        {
            next[i] = i + 1 < count ? i + 1 : Dead;
            previous[i] = i - 1;
            if (i + 1 < count && merges.Find(symbols[i], symbols[i + 1]) is var merge and not MergeTable.NoMerge)
            {
                queue.Add((i, Priority(merge, i)));
            }
        }

        var candidates = new PriorityQueue<int, ulong>(queue);
        while (candidates.TryDequeue(out var position, out var priority))
        {
            if (symbols[position] == Dead || next[position] == Dead)
            {
                continue;
            }

            var right = next[position];
            var merge = merges.Find(symbols[position], symbols[right]);
            if (merge == MergeTable.NoMerge || Priority(merge, position) != priority)
            {
                continue;
            }

            symbols[position] = (int)(uint)merge;
            symbols[right] = Dead;
            next[position] = next[right];
            if (next[position] != Dead)
            {
                previous[next[position]] = position;
                Enqueue(symbols, position, next[position]);
            }

            if (previous[position] != Dead)
            {
                Enqueue(symbols, previous[position], position);
            }
        }

        var left = 0;
        for (var i = 0; i != Dead; i = next[i])
        {
            symbols[left++] = symbols[i];
        }

        ArrayPool<int>.Shared.Return(next);
        ArrayPool<int>.Shared.Return(previous);
        return left;

        void Enqueue(Span<int> all, int leftPosition, int rightPosition)
        {
            var merge = merges.Find(all[leftPosition], all[rightPosition]);
            if (merge != MergeTable.NoMerge)
            {
                candidates.Enqueue(leftPosition, Priority(merge, leftPosition));
            }
        }
    }

    // Rank first, then position.
    private static ulong Priority(ulong merge, int position) => merge & 0xFFFF_FFFF_0000_0000 | (uint)position;
}
