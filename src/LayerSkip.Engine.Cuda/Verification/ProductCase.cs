using System.Runtime.InteropServices;
using LayerSkip.Engine.Cuda.Weights;

namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>A product by one of its kernels: near double arithmetic, and of one row the same bits as that row alone in the kernel of few rows.</summary>
/// <param name="product">The product.</param>
/// <param name="tiles">Which kernel.</param>
/// <param name="alone">The row that is computed once more, alone.</param>
internal sealed class ProductCase(RandomProduct product, bool tiles, int alone) : KernelCase
{
    public override string Kernel => NameOf(product.Family, tiles, product.Format);

    public override IReadOnlyList<KernelSize> Sizes => [new("rows", product.Rows), new("outputs", product.Outputs), new("inputs", product.Inputs)];

    /// <summary>A kernel's name.</summary>
    public static string NameOf(string family, bool tiles, MatrixFormat format) => $"{family}_{(tiles ? "tiles_" : "")}{format.Suffix()}";

    public override uint[] Run(KernelBench bench) =>
        [.. MemoryMarshal.Cast<float, uint>(product.Run(bench, tiles)), .. MemoryMarshal.Cast<float, uint>(product.Run(bench, tiles: false, alone, 1))];

    public override Deviation Compare(uint[] result)
    {
        var values = MemoryMarshal.Cast<uint, float>(result);
        var deviation = new Deviation(RandomProduct.Bound);
        for (var row = 0; row < product.Rows; row++)
        {
            for (var output = 0; output < product.Outputs; output++)
            {
                var (value, magnitude) = product.Positions[row] < 0 ? (product.Before(row, output), 0) : product.Exact(row, output);
                deviation.Near(value, values[(row * product.Outputs) + output], magnitude, row, output);
            }
        }

        deviation.Same<uint>(
            result.AsSpan(product.Rows * product.Outputs), result.AsSpan(alone * product.Outputs, product.Outputs), $"computed with other rows, the bits of row {alone}'s element");
        return deviation;
    }
}
