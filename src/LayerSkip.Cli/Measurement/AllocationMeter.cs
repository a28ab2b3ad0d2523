using LayerSkip.Engine.Decoding;

namespace LayerSkip.Cli.Measurement;

/// <summary>Measures the managed memory that rounds allocate on the calling thread.</summary>
/// <remarks>A generation's first round is left out as warm-up: it takes the prompt, and buffers grow to their size in it.</remarks>
internal sealed class AllocationMeter
{
    private long _firstBytes;
    private int _firstTokens;
    private long _bytes;
    private int _tokens;

    /// <summary>Bytes a token: of all rounds after each generation's first, or of the first where every answer came in one.</summary>
    public double BytesPerToken => _tokens > 0 ? (double)_bytes / _tokens : _firstTokens > 0 ? (double)_firstBytes / _firstTokens : 0;

    /// <summary>Runs a round of a generation, measured.</summary>
    public bool NextRound(Generation generation, CancellationToken cancellationToken)
    {
        var isFirst = generation.Statistics.Rounds == 0;
        var before = GC.GetAllocatedBytesForCurrentThread();
        var goesOn = generation.NextRound(cancellationToken);
        var bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        if (isFirst)
        {
            _firstBytes += bytes;
            _firstTokens += generation.RoundTokens.Length;
        }
        else
        {
            _bytes += bytes;
            _tokens += generation.RoundTokens.Length;
        }

        return goesOn;
    }
}
