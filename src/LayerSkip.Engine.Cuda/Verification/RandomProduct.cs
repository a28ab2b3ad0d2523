using LayerSkip.Engine.Cuda.Weights;

namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>A product of random rows with a random matrix, for the kernels of few rows and of tiles alike.</summary>
internal abstract class RandomProduct
{
    /// <summary>Of the sum of a product's terms' magnitudes: what float32 accumulation in a fixed order may lose over some thousand terms.</summary>
    public const double Bound = 1e-6;

    private readonly double[][] _exactly;

    protected RandomProduct(string family, MatrixFormat format, int rows, int outputs, int inputs, Random random)
    {
        (Family, Format, Rows, Outputs, Inputs) = (family, format, rows, outputs, inputs);
        X = random.Floats(rows * inputs);
        _exactly = [.. X.Chunk(inputs).Select(row => Array.ConvertAll(row, value => (double)value))];
        Positions = random.Positions(rows);
    }

    /// <summary>The kernels' names before <c>tiles</c> and the format.</summary>
    public string Family { get; }

    public MatrixFormat Format { get; }

    public int Rows { get; }

    public int Outputs { get; }

    public int Inputs { get; }

    /// <summary>[rows, inputs]</summary>
    public float[] X { get; }

    /// <summary>Of the rows; -1 where there is none.</summary>
    public int[] Positions { get; }

    /// <summary>Blocks of a kernel for few rows whose blocks go on with further outputs: each has several tiles of them where there are enough.</summary>
    public static int FewBlocks(int tiles) => Geometry.Blocks(tiles, 3);

    /// <summary>What is in the result's place before.</summary>
    public abstract float Before(int row, int output);

    /// <summary>What a row that is there must give, and the magnitude of what that is computed from.</summary>
    public abstract (double Value, double Magnitude) Exact(int row, int output);

    /// <summary>Runs the kernel over some of the rows.</summary>
    /// <returns>[count, outputs]</returns>
    public abstract float[] Run(KernelBench bench, bool tiles, int first, int count);

    /// <summary>Runs the kernel over all rows.</summary>
    public float[] Run(KernelBench bench, bool tiles) => Run(bench, tiles, 0, Rows);

    /// <summary>A row of the activations.</summary>
    protected double[] Exactly(int row) => _exactly[row];

    /// <summary>Rows of the activations in device memory.</summary>
    protected ulong PutX(KernelBench bench, int first, int count) => bench.PutActivations(X.AsSpan(first * Inputs, count * Inputs), Inputs);

    protected float[] BeforeOf(int first, int count) =>
        [.. Enumerable.Range(first, count).SelectMany(row => Enumerable.Range(0, Outputs).Select(output => Before(row, output)))];

    protected void Launch(KernelBench bench, bool tiles, int rows, params ReadOnlySpan<object> arguments)
    {
        var (outputs, of) = tiles ? (64, 64) : (16, 16);
        var pairs = Family == "gate_up";
        var blocks = Geometry.Blocks(Outputs, pairs ? outputs / 2 : outputs);
        var grid = (pairs && !tiles ? FewBlocks(blocks) : blocks, Geometry.Blocks(rows, of), 1);
        bench.Launch(ProductCase.NameOf(Family, tiles, Format), grid, 256, arguments);
    }
}
