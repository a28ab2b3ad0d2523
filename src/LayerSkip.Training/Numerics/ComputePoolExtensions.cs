using LayerSkip.Engine.Devices.Cpu;

namespace LayerSkip.Training.Numerics;

/// <summary>Loops over the engine's thread pool.</summary>
internal static class ComputePoolExtensions
{
    private const int RowsPerChunk = 32;

    /// <summary>Calls <paramref name="body"/> with (chunk, worker) for each chunk, on all threads.</summary>
    public static void For(this ComputePool pool, int chunks, Action<int, int> body) => pool.Run(new Loop(body), chunks);

    /// <summary>Calls <paramref name="body"/> with each of the rows, which must be independent of one another.</summary>
    public static void ForRows(this ComputePool pool, int rows, Action<int> body) =>
        pool.For((rows + RowsPerChunk - 1) / RowsPerChunk, (chunk, _) =>
        {
            var end = Math.Min(rows, (chunk + 1) * RowsPerChunk);
            for (var row = chunk * RowsPerChunk; row < end; row++)
            {
                body(row);
            }
        });

    private sealed class Loop(Action<int, int> body) : ParallelJob
    {
        public override void Run(int chunk, int worker) => body(chunk, worker);
    }
}
