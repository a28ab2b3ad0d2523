using LayerSkip.Engine.Cuda.Verification;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Cuda.Tests.Kernels;

/// <summary>The steps between logits and tokens that run without the host.</summary>
public class ChoosingKernelTests
{
    [Fact]
    public void Keys_become_tokens()
    {
        var random = new Random(4);
        foreach (var rows in new[] { 1, 2, 63, 64, 65, 200 })
        {
            KernelBenches.AssertRight(new ChooseCase(rows, random));
        }
    }

    [Fact]
    public void A_draft_goes_on_until_a_stop_token_the_room_an_unlikely_guess_or_nothing_to_choose() =>
        AssertRight(200, new Random(1), random => new DraftNextCase(5, random));

    [Fact]
    public void A_round_ends_with_the_confirmed_prefix_and_the_models_own_token() => AssertRight(200, new Random(2), random => new AcceptCase(5, random));

    [Fact]
    public void The_likeliest_few_come_in_order_of_equals_the_lowest_first_and_NaN_never()
    {
        var random = new Random(3);
        foreach (var (tokens, count) in new[] { (1, 1), (3, 5), (300, 20), (1000, 7) })
        {
            KernelBenches.AssertRight(new TopKCase(2, tokens, count, random));
        }
    }

    [Fact]
    public void Choices_are_the_CPU_devices()
    {
        // A greatest of two zeros of different sign, of infinities, of one.
        foreach (var logits in new float[][] { [-0f, 0f, -1], [0f, -0f], [float.NegativeInfinity, float.NegativeInfinity], [float.NaN, float.PositiveInfinity, 3], [4] })
        {
            using var bench = KernelBenches.Open();
            var (values, ids) = (bench.Put(new float[1]), bench.Put(new int[1]));
            bench.Launch("top_k", (1, 1, 1), 256, values, ids, bench.Put(logits), 1, logits.Length, logits.Length, 1);
            Assert.Equal(ArgMax.Of(logits), bench.Get<int>(ids, 1)[0]);
        }
    }

    /// <summary>Kernels of one thread, which knows no order.</summary>
    private static void AssertRight(int rounds, Random random, Func<Random, KernelCase> draw)
    {
        using var bench = KernelBenches.Open();
        for (var round = 0; round < rounds; round++)
        {
            var @case = draw(random);
            Assert.Null(@case.Compare(@case.Run(bench)).Problem);
            bench.Clear();
        }
    }
}
