using LayerSkip.Engine.Cuda.Execution;
using LayerSkip.Engine.Cuda.Weights;

namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>Random cases of every kernel, odd sizes, grouped queries and rows that are not there among them.</summary>
/// <param name="limits">The largest sizes.</param>
internal sealed class KernelCases(KernelLimits limits)
{
    private static readonly MatrixFormat[] s_formats = Enum.GetValues<MatrixFormat>();

    /// <summary>What kernels' names end with where one is compiled for several formats or head sizes.</summary>
    private static readonly string[] s_variants = [.. s_formats.Select(format => format.Suffix()), "d64", "d128", "d256"];

    /// <summary>All kernels, those of several formats or head sizes once.</summary>
    public static IReadOnlyList<string> Families { get; } = [.. KernelLibrary.Names.Select(name => Split(name).Family).Distinct().Order(StringComparer.Ordinal)];

    /// <summary>A kernel's name without its format or head size, and that.</summary>
    public static (string Family, string? Variant) Split(string kernel)
    {
        var variant = s_variants.FirstOrDefault(variant => kernel.EndsWith($"_{variant}", StringComparison.Ordinal));
        return variant is null ? (kernel, null) : (kernel[..^(variant.Length + 1)], variant);
    }

    /// <summary>One case of a kernel for each format or head size.</summary>
    /// <param name="family">Of <see cref="Families"/>.</param>
    /// <param name="random">Chooses sizes and values.</param>
    /// <param name="largest">Whether contexts are the longest.</param>
    /// <exception cref="NotSupportedException">The kernel has no cases: nobody would check it.</exception>
    public IEnumerable<KernelCase> Draw(string family, Random random, bool largest) => family switch
    {
        "embed" => s_formats.Select(format => new EmbeddingCase(format, Width(random), Width(random), Rows(random), random)),
        "rotary_angles" => [new RotaryAnglesCase(Frequencies(random), [.. Enumerable.Range(0, Rows(random)).Select(_ => random.Size(1, 1 << 17) - 2)])],
        "project" => Products(random, tiles: false, (format, rows, n, k) => new Project(format, rows, n, k, random)),
        "project_tiles" => Products(random, tiles: true, (format, rows, n, k) => new Project(format, rows, n, k, random)),
        "project_add" => Products(random, tiles: false, (format, rows, n, k) => new ProjectAdd(format, rows, n, k, random)),
        "project_add_tiles" => Products(random, tiles: true, (format, rows, n, k) => new ProjectAdd(format, rows, n, k, random)),
        "gate_up" => Products(random, tiles: false, (format, rows, n, k) => new GateUp(format, rows, n, k, random)),
        "gate_up_tiles" => Products(random, tiles: true, (format, rows, n, k) => new GateUp(format, rows, n, k, random)),
        "head_argmax" => s_formats.Select(format => new HeadCase(format, Rows(random), Width(random), Width(random), random)),
        "normalize" => [new NormalizeCase(Rows(random), Width(random), states: false, random)],
        "normed_states" => [new NormalizeCase(Rows(random), Width(random), states: true, random)],
        "rope_append" => [new RopeAppendCase(Caches(random, 2, 256, largest))],
        "attention_split" => Attention(random, tiles: false, largest),
        "attention_tiles" => Attention(random, tiles: true, largest),
        "attention_merge" => [new AttentionMergeCase(Rows(random), random.Next(1, 9), random.Size(1, 256), random.Next(1, Geometry.Spans(limits.Context) + 1), random)],
        "choose" => [new ChooseCase(random.Size(1, 200), random)],
        "draft_next" => [new DraftNextCase(random.Next(2, 18), random)],
        "accept" => [new AcceptCase(random.Next(1, 18), random)],
        "top_k" => [new TopKCase(random.Next(1, 5), Tokens(random), random.Next(1, 21), random)],
        "distribution" => [DistributionCase.Random(Tokens(random), random)],
        "guess" => [new GuessCase(random.Next(1, 5), Tokens(random), random)],
        "race" => [new RaceCase(Tokens(random), random)],
        _ => throw new NotSupportedException($"no case of the kernel {family}"),
    };

    private static float[] Frequencies(Random random) => [.. Enumerable.Range(0, random.Size(1, 128)).Select(_ => (float)Math.Pow(10_000, -random.NextDouble()))];

    private IEnumerable<KernelCase> Products(Random random, bool tiles, Func<MatrixFormat, int, int, int, RandomProduct> make) => s_formats.Select(format =>
    {
        var product = make(format, Rows(random), Width(random), Width(random));
        return new ProductCase(product, tiles, random.Next(product.Rows));
    });

    private IEnumerable<KernelCase> Attention(Random random, bool tiles, bool largest) =>
        new (int Least, int Most)[] { (2, 64), (66, 128), (130, 256) }.Select(size => new AttentionCase(Caches(random, size.Least, size.Most, largest), tiles));

    private RandomCaches Caches(Random random, int leastHead, int mostHead, bool largest)
    {
        var kvHeads = random.Next(1, 4);
        var context = largest ? limits.Context : random.Size(1, limits.Context);
        return new(kvHeads * random.Size(1, 20 / kvHeads), kvHeads, random.Size(leastHead, mostHead) / 2 * 2, context, random);
    }

    private int Rows(Random random) => random.Size(1, limits.Rows);

    private int Width(Random random) => random.Size(1, limits.Width);

    private int Tokens(Random random) => random.Size(1, 4 * limits.Width);
}

/// <summary>The largest sizes of a kernel's random arguments.</summary>
/// <param name="Rows">Rows.</param>
/// <param name="Width">Inputs and outputs of a product.</param>
/// <param name="Context">Positions of a cache.</param>
internal readonly record struct KernelLimits(int Rows, int Width, int Context)
{
    /// <summary>As wide as real models, and more rows than a tile has.</summary>
    public static KernelLimits OfModels { get; } = new(70, 4096, 2048);
}
