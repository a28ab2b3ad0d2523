namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>One thread's fetching of what it will multiply next, piece by piece, so that it can stop when there is work.</summary>
/// <param name="matrix">What is next; null: nothing is known.</param>
/// <param name="panel">The first of its panels that the thread will multiply.</param>
internal struct ReadAhead(WeightMatrix? matrix, int panel)
{
    /// <summary>Bytes that a thread's second-level cache has room for beside what it holds anyway.</summary>
    private const int MaxBytes = 256 * 1024;

    /// <summary>Bytes of a piece, 16 cache lines: asking for them takes less time than another thread's news takes to arrive.</summary>
    private const int PieceBytes = 1024;

    private int _fetched;

    /// <summary>What a thread begins with of a matrix whose panels are dealt in their order.</summary>
    public static ReadAhead Of(WeightMatrix? matrix, int worker, int threads) =>
        matrix is null ? default : new(matrix, ChunkDeal.Start(matrix.Panels, worker, threads));

    /// <summary>Asks for the next piece.</summary>
    /// <returns>Whether there was one.</returns>
    public bool Fetch()
    {
        if (matrix is null || _fetched >= MaxBytes)
        {
            return false;
        }

        matrix.Fetch(panel, _fetched, PieceBytes);
        _fetched += PieceBytes;
        return true;
    }
}
