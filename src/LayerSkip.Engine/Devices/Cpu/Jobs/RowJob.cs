namespace LayerSkip.Engine.Devices.Cpu.Jobs;

/// <summary>What happens to each row by itself between the matrix products; a chunk is one row.</summary>
internal abstract class RowJob : ParallelJob
{
    /// <summary>Up to this many rows, the caller does them sooner than it could hand them out.</summary>
    private const int SerialRows = 16;

    protected void RunRows(ComputePool pool, int rows)
    {
        if (rows > SerialRows)
        {
            pool.Run(this, rows);
            return;
        }

        for (var row = 0; row < rows; row++)
        {
            Run(row, 0);
        }
    }
}
