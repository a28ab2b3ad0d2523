using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Training.Numerics;

namespace LayerSkip.Training.Layers;

/// <summary>x[r] = table[tokens[r]].</summary>
internal static class Embedding
{
    private const int ColumnsPerChunk = 64;

    /// <param name="pool">The threads.</param>
    /// <param name="tokens">[R], each a row of the table.</param>
    /// <param name="table">[V, hidden].</param>
    /// <param name="x">Result [R, hidden].</param>
    public static void Forward(ComputePool pool, int[] tokens, Matrix table, Matrix x)
    {
        x.Expect(nameof(x), tokens.Length, table.Columns);
        pool.ForRows(tokens.Length, row => table.Row(tokens[row]).CopyTo(x.Row(row)));
    }

    /// <summary>dTable[tokens[r]] += dx[r], in the order of the rows.</summary>
    /// <param name="pool">The threads.</param>
    /// <param name="tokens">[R].</param>
    /// <param name="dx">[R, hidden].</param>
    /// <param name="dTable">[V, hidden], added to.</param>
    public static void Backward(ComputePool pool, int[] tokens, Matrix dx, Matrix dTable)
    {
        dx.Expect(nameof(dx), tokens.Length, dTable.Columns);

        // A token may occur often: threads share out the columns, not the rows.
        pool.For((dx.Columns + ColumnsPerChunk - 1) / ColumnsPerChunk, (chunk, _) =>
        {
            var from = chunk * ColumnsPerChunk;
            var count = Math.Min(ColumnsPerChunk, dx.Columns - from);
            for (var row = 0; row < tokens.Length; row++)
            {
                Vectors.Add(dx.Row(row).Slice(from, count), dTable.Row(tokens[row]).Slice(from, count));
            }
        });
    }
}
