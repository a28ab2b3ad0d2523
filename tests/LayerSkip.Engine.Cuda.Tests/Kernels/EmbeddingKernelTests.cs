namespace LayerSkip.Engine.Cuda.Tests.Kernels;

/// <summary>Rows of the embedding, exactly as they are stored.</summary>
public class EmbeddingKernelTests
{
    public static TheoryData<string> Formats => TestMatrix.Formats;

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_tokens_row_is_what_is_stored(string format)
    {
        var random = new Random(1);
        foreach (var (tokens, width) in new[] { (5, 1), (12, 64), (40, 333) })
        {
            var table = new TestMatrix(format, tokens, width, random);
            int[] rows = [.. Enumerable.Range(0, 9).Select(_ => random.Next(tokens))], positions = [0, 1, -1, 3, 4, 5, -1, 7, 8];
            var stride = KernelBench.Padded(width);
            var hidden = KernelBench.InBothOrders(bench =>
            {
                var (data, scales) = table.On(bench);
                var target = bench.PutRows(new float[rows.Length * width], width, stride);
                bench.Launch(
                    "embed_" + format, (rows.Length, 1, 1), 128, target, bench.Put(new float[rows.Length * 8]), bench.Put(rows), bench.Put(positions), data, scales,
                    bench.Put(1f, 0.1f, 0.01f, 0.001f), rows.Length, width, 4);
                return bench.GetRows(target, rows.Length, width, stride);
            });
            for (var row = 0; row < rows.Length; row++)
            {
                for (var i = 0; i < width; i++)
                {
                    Assert.Equal(positions[row] < 0 ? 0 : (float)table.Values[(rows[row] * width) + i], hidden[(row * width) + i]);
                }
            }
        }
    }
}
