using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Cuda.Tests.Kernels;

/// <summary>The steps between logits and tokens that run without the host.</summary>
public class ChoosingKernelTests
{
    [Fact]
    public void A_draft_goes_on_until_a_stop_token_the_room_or_nothing_to_choose()
    {
        var random = new Random(1);
        for (var round = 0; round < 200; round++)
        {
            const int Slots = 5;
            int[] stops = [2, 3, 7];
            var room = random.Next(Slots);
            var chosen = Enumerable.Range(0, Slots).Select(_ => random.Next(8) == 0 ? -1 : random.Next(9)).ToArray();
            using var bench = new KernelBench();
            var (tokens, positions, tables) = (bench.Put(new int[Slots]), bench.Put([41, .. new int[Slots - 1]]), bench.Put([9999ul, .. new ulong[Slots - 1]]));
            var best = bench.Put(Array.ConvertAll(chosen, Key));
            for (var slot = 0; slot < Slots - 1; slot++)
            {
                bench.Launch("draft_next", (1, 1, 1), 1, tokens, positions, tables, best, bench.Put(stops), bench.Put(room), slot);
            }

            var (expectedTokens, expectedPositions) = (new int[Slots], new int[Slots]);
            (expectedTokens[0], expectedPositions[0]) = (0, 41);
            for (var slot = 0; slot < Slots - 1; slot++)
            {
                var token = expectedPositions[slot] < 0 || slot >= room ? -1 : chosen[slot];
                expectedTokens[slot + 1] = token;
                expectedPositions[slot + 1] = token is -1 or 3 or 7 ? -1 : 42 + slot;
            }

            Assert.Equal(expectedTokens, bench.Get<int>(tokens, Slots));
            Assert.Equal(expectedPositions, bench.Get<int>(positions, Slots));
            Assert.All(bench.Get<ulong>(tables, Slots), table => Assert.Equal(9999ul, table));
            Assert.All(bench.Get<ulong>(best, Slots - 1), key => Assert.Equal(0ul, key));
        }
    }

    [Fact]
    public void A_round_ends_with_the_confirmed_prefix_and_the_models_own_token()
    {
        var random = new Random(2);
        for (var round = 0; round < 200; round++)
        {
            const int Slots = 5;
            var drafted = random.Next(Slots);
            var stopped = drafted > 0 && random.Next(3) == 0; // the last drafted token got no row
            var tokens = Enumerable.Range(0, Slots).Select(i => i == 0 ? 5 : i <= drafted ? random.Next(2) : -1).ToArray();
            var positions = Enumerable.Range(0, Slots).Select(i => i < drafted || (i == drafted && !stopped) ? 10 + i : -1).ToArray();
            var chosen = Enumerable.Range(0, Slots).Select(i => positions[i] < 0 || random.Next(9) == 0 ? -1 : random.Next(2)).ToArray();

            var accepted = 0;
            while (accepted < drafted && chosen[accepted] == tokens[accepted + 1])
            {
                accepted++;
            }

            var next = positions[accepted] < 0 ? -2 : chosen[accepted];
            using var bench = new KernelBench();
            var (result, ids, places) = (bench.Put(new int[3 + Slots]), bench.Put(tokens), bench.Put(positions));
            var best = bench.Put(Array.ConvertAll(chosen, Key));
            bench.Launch("accept_greedy", (1, 1, 1), 1, result, ids, places, best, Slots);
            Assert.Equal([drafted, accepted, next, 10, .. tokens[1..]], bench.Get<int>(result, 3 + Slots));
            Assert.Equal(next < 0 ? 5 : next, bench.Get<int>(ids, 1)[0]);
            Assert.Equal(next < 0 ? 10 : 11 + accepted, bench.Get<int>(places, 1)[0]);
            Assert.All(bench.Get<ulong>(best, Slots), key => Assert.Equal(0ul, key));
        }
    }

    [Fact]
    public void The_likeliest_few_come_in_order_of_equals_the_lowest_first_and_NaN_never()
    {
        var random = new Random(3);
        foreach (var (tokens, count) in new[] { (1, 1), (3, 5), (300, 20), (1000, 7) })
        {
            var logits = Enumerable.Range(0, 2 * tokens).Select(_ => random.Next(10) == 0 ? float.NaN : random.Next(-40, 40) / 8f).ToArray();
            var ids = KernelBench.InBothOrders(bench =>
            {
                var (values, ids) = (bench.Put(new float[2 * count]), bench.Put(new int[2 * count]));
                bench.Launch("top_k", (2, 1, 1), 256, values, ids, bench.Put(logits), 2, tokens, tokens, count);
                return bench.Get<int>(ids, 2 * count);
            });
            for (var row = 0; row < 2; row++)
            {
                var own = logits[(row * tokens)..((row + 1) * tokens)];
                var expected = Enumerable.Range(0, tokens).Where(id => !float.IsNaN(own[id])).OrderByDescending(id => own[id]).ThenBy(id => id).Concat(Enumerable.Repeat(-1, count));
                Assert.Equal(expected.Take(count), ids[(row * count)..((row + 1) * count)]);
            }
        }
    }

    [Fact]
    public void Choices_are_the_CPU_devices()
    {
        // A greatest of two zeros of different sign, of infinities, of one.
        foreach (var logits in new float[][] { [-0f, 0f, -1], [0f, -0f], [float.NegativeInfinity, float.NegativeInfinity], [float.NaN, float.PositiveInfinity, 3], [4] })
        {
            using var bench = new KernelBench();
            var (values, ids) = (bench.Put(new float[1]), bench.Put(new int[1]));
            bench.Launch("top_k", (1, 1, 1), 256, values, ids, bench.Put(logits), 1, logits.Length, logits.Length, 1);
            Assert.Equal(ArgMax.Of(logits), bench.Get<int>(ids, 1)[0]);
        }
    }

    private static ulong Key(int token) => token < 0 ? 0 : (1ul << 32) | ~(uint)token;
}
