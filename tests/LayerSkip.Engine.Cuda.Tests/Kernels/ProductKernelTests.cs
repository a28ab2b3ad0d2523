using LayerSkip.Engine.Cuda.Verification;
using LayerSkip.Engine.Cuda.Weights;

namespace LayerSkip.Engine.Cuda.Tests.Kernels;

/// <summary>Matrix products against double arithmetic, and every row the same however many share the launch.</summary>
public class ProductKernelTests
{
    public static TheoryData<string> Formats => KernelBenches.Formats;

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_projection_is_right_and_the_same_alone_in_a_batch_and_in_tiles(string format)
    {
        var random = new Random(1);
        AssertRight(random, (rows, n, k) => new Project(KernelBenches.Format(format), rows, n, k, random));
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_projection_is_added_to_the_residual_stream(string format)
    {
        var random = new Random(2);
        AssertRight(random, (rows, n, k) => new ProjectAdd(KernelBenches.Format(format), rows, n, k, random));
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void The_gated_activation_is_right(string format)
    {
        var random = new Random(3);
        AssertRight(random, (rows, n, k) => new GateUp(KernelBenches.Format(format), rows, n, k, random));
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void The_head_finds_the_greatest_logit_of_all_tokens_or_of_some(string format)
    {
        var random = new Random(4);
        foreach (var (rows, n, k) in Shapes(random))
        {
            KernelBenches.AssertRight(new HeadCase(KernelBenches.Format(format), rows, n, k, random));
        }
    }

    [Fact]
    public void Of_equal_logits_the_lowest_token_wins_and_none_where_all_are_NaN()
    {
        const int Tokens = 100, Inputs = 32;
        using var bench = KernelBenches.Open();
        var table = bench.Put(Enumerable.Repeat(1f, Tokens * Inputs).ToArray());
        var x = new float[2 * Inputs];
        Array.Fill(x, float.NaN, 0, Inputs);
        Array.Fill(x, 1f, Inputs, Inputs);
        var (best, choices, positions) = (bench.Put(new ulong[2]), bench.Put(new int[2]), bench.Put(0, 1));
        bench.Launch(
            "head_argmax_f32", (Geometry.Blocks(Tokens, 16), 1, 1), 256, best, table, 0ul, bench.PutActivations(x, Inputs), positions, 0ul, 2, Tokens, Inputs);
        bench.Launch("choose", (1, 1, 1), 64, choices, best, positions, 2);
        Assert.Equal([-1, 0], bench.Get<int>(choices, 2));
    }

    [Fact]
    public void A_long_sum_stays_within_its_bound()
    {
        // Thousands of inputs, as wide as real models are.
        using var bench = KernelBenches.Open();
        var @case = new ProductCase(new ProjectAdd(MatrixFormat.Bf16, 1, 16, 8192, new Random(6)), tiles: false, alone: 0);
        Assert.Null(@case.Compare(@case.Run(bench)).Problem);
    }

    [Fact]
    public void The_norm_is_right()
    {
        var random = new Random(7);
        foreach (var (rows, _, k) in Shapes(random))
        {
            KernelBenches.AssertRight(new NormalizeCase(rows, k, states: false, random));
            KernelBenches.AssertRight(new NormalizeCase(rows, k, states: true, random));
        }
    }

    /// <summary>Few rows and tiles, and all rows of both to the same bits.</summary>
    private static void AssertRight(Random random, Func<int, int, int, RandomProduct> make)
    {
        foreach (var (rows, n, k) in Shapes(random))
        {
            var product = make(rows, n, k);
            var alone = random.Next(rows);
            Assert.Equal(
                KernelBenches.AssertRight(new ProductCase(product, tiles: false, alone)), KernelBenches.AssertRight(new ProductCase(product, tiles: true, alone)));
        }
    }

    /// <summary>Rows, outputs, inputs: even and odd, less than a tile and more.</summary>
    private static IEnumerable<(int Rows, int Outputs, int Inputs)> Shapes(Random random)
    {
        yield return (1, 1, 2);
        yield return (16, 64, 128);
        yield return (67, 17, 64);
        for (var i = 0; i < 4; i++)
        {
            yield return (random.Next(1, 20), random.Next(1, 90), random.Next(1, 400));
        }
    }
}
