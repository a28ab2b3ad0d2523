using LayerSkip.Engine.Cuda.Weights;

namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>Rows of the embedding, exactly as they are stored.</summary>
internal sealed class EmbeddingCase(MatrixFormat format, int tokens, int width, int rows, Random random) : KernelCase
{
    private const float Untouched = 7;
    private readonly RandomMatrix _table = new(format, tokens, width, random);
    private readonly int[] _tokens = [.. Enumerable.Range(0, rows).Select(_ => random.Next(tokens))];
    private readonly int[] _positions = random.Positions(rows);

    public override string Kernel => $"embed_{format.Suffix()}";

    public override IReadOnlyList<KernelSize> Sizes => [new("rows", rows), new("tokens", tokens), new("width", width)];

    public override uint[] Run(KernelBench bench)
    {
        var (data, scales) = _table.On(bench);
        var stride = Geometry.Padded(width);
        var before = new float[rows * width];
        Array.Fill(before, Untouched);
        var hidden = bench.PutRows(before, width, stride);
        bench.Launch(
            Kernel, (rows, 1, 1), 128, hidden, bench.Put(new float[rows * 8]), bench.Put(_tokens), bench.Put(_positions), data, scales,
            bench.Put(1f, 0.1f, 0.01f, 0.001f), rows, width, 4);
        return [.. bench.GetRows(hidden, rows, width, stride).Select(BitConverter.SingleToUInt32Bits)];
    }

    public override Deviation Compare(uint[] result)
    {
        var deviation = new Deviation(0);
        for (var row = 0; row < rows; row++)
        {
            for (var i = 0; i < width; i++)
            {
                var expected = _positions[row] < 0 ? Untouched : (float)_table.Values[(_tokens[row] * width) + i];
                deviation.Near(expected, BitConverter.UInt32BitsToSingle(result[(row * width) + i]), 1, row, i);
            }
        }

        return deviation;
    }
}
