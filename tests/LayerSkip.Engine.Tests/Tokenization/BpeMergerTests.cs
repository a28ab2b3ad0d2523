using LayerSkip.Engine.Tokenization.Bpe;

namespace LayerSkip.Engine.Tests.Tokenization;

/// <summary>The merging of short pieces and that of long ones, against each other and against the rule itself.</summary>
public sealed class BpeMergerTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(20)]
    public void Long_and_short_merging_do_what_the_rule_says(int idsOfOneRank)
    {
        var random = new Random(21);
        for (var trial = 0; trial < 1500; trial++)
        {
            var (table, merges) = (new MergeTable(), new Dictionary<(int, int), (int Rank, int Merged)>());
            for (var i = random.Next(60); i > 0; i--)
            {
                var (pair, merge) = ((random.Next(12), random.Next(12)), (random.Next(60) / idsOfOneRank, random.Next(12)));
                table.Set(pair.Item1, pair.Item2, merge.Item1, merge.Item2);
                merges[pair] = merge;
            }

            var symbols = Enumerable.Range(0, random.Next(1, 120)).Select(_ => random.Next(12)).ToArray();
            var expected = Merge([.. symbols], merges);
            Assert.Equal(expected, Merged(symbols, table, BpeMerger.MergeShort));
            Assert.Equal(expected, Merged(symbols, table, BpeMerger.MergeLong));
            Assert.Equal(expected, Merged(symbols, table, BpeMerger.Merge));
        }
    }

    private delegate int Merging(Span<int> symbols, MergeTable merges);

    private static int[] Merged(int[] symbols, MergeTable merges, Merging merge)
    {
        var copy = symbols.ToArray();
        return copy[..merge(copy, merges)];
    }

    // The pair of lowest rank, of equal ranks the leftmost, until none merges.
    private static List<int> Merge(List<int> symbols, Dictionary<(int, int), (int Rank, int Merged)> merges)
    {
        while (true)
        {
            var (best, lowest) = (-1, int.MaxValue);
            for (var i = 0; i + 1 < symbols.Count; i++)
            {
                if (merges.TryGetValue((symbols[i], symbols[i + 1]), out var merge) && merge.Rank < lowest)
                {
                    (best, lowest) = (i, merge.Rank);
                }
            }

            if (best < 0)
            {
                return symbols;
            }

            symbols[best] = merges[(symbols[best], symbols[best + 1])].Merged;
            symbols.RemoveAt(best + 1);
        }
    }
}
