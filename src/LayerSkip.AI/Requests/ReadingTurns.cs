using LayerSkip.Engine.Scheduling;

namespace LayerSkip.AI.Requests;

/// <summary>
/// Bounds the work on requests before the engine takes them on: rendering, encoding, making a grammar of a new form of answers. A crowd of them would otherwise
/// hold all threads of the pool, and most of it be refused afterwards.
/// </summary>
internal static class ReadingTurns
{
    // The process's: its processors are, whatever number of models it serves.
    private static readonly SemaphoreSlim s_turns = new(Environment.ProcessorCount);

    /// <summary>Reads a request when its turn comes, of which there are as many at once as processors.</summary>
    /// <param name="engine">Is to take the request on.</param>
    /// <param name="read">Reads it.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <exception cref="RequestQueueFullException">The engine would refuse the request: it is not read then.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public static async Task<T> RunAsync<T>(LayerSkipEngine engine, Func<T> read, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        engine.ThrowIfFull();
        await s_turns.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // Those before may have filled it meanwhile.
            engine.ThrowIfFull();
            return read();
        }
        finally
        {
            s_turns.Release();
        }
    }
}
