namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>What drafts guess by instead of the whole head as it is: less of it, or the same coarser.</summary>
internal abstract class GuessingHead : IDisposable
{
    /// <summary>Bytes of its weights.</summary>
    public abstract long Bytes { get; }

    /// <summary>The most likely token by each of some rows.</summary>
    /// <param name="pool">The threads.</param>
    /// <param name="quantizer">Where rows are quantised, if weights are.</param>
    /// <param name="normed">[rows, hidden].</param>
    /// <param name="logits">As many rows, as wide as the vocabulary's panels; overwritten.</param>
    /// <param name="guesses">One result for each row.</param>
    public abstract void Guess(ComputePool pool, RowQuantizer quantizer, in RowsView normed, in RowsView logits, Span<HeadGuess> guesses);

    /// <inheritdoc/>
    public abstract void Dispose();
}
