using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Decoding;

/// <summary>Brings tokens into the cache whose outcome nobody asks for: of a long prompt all but the first round's input, piece by piece.</summary>
/// <param name="model">The model.</param>
/// <param name="plan">How deep it runs.</param>
/// <param name="memory">The sequence's slots.</param>
/// <param name="tokens">The sequence.</param>
internal sealed class PromptPieces(IDeviceModel model, DecodingPlan plan, SequenceMemory memory, Transcript tokens)
{
    /// <summary>Tokens of a piece, and most that a round takes as its input: 1 .. <see cref="Generation.PrefillRows"/>.</summary>
    public int Rows { get; set; } = Generation.PrefillRows;

    /// <summary>Positions that the cache needs for the next piece of a long prompt; null where no more tokens are left than a round takes as its input.</summary>
    public int? Positions => tokens.Count - memory.Length > Rows ? memory.Length + Rows : null;

    /// <summary>Starts the next tokens that are not in the cache yet.</summary>
    /// <param name="cache">The sequence's cache.</param>
    /// <param name="count">How many.</param>
    /// <returns>What is to be run of them.</returns>
    public RowPass Begin(KvCache cache, int count)
    {
        memory.EnsureRows(count);
        memory.Rows.Place(0, count, cache, cache.Length);
        model.Embed(memory.Rows, 0, tokens.Slice(cache.Length, count));
        return new(memory.Rows, 0, count, 0, plan.Depth, Unread: count);
    }

    /// <summary>Takes tokens into the cache, after running them if nobody has.</summary>
    /// <param name="cache">The sequence's cache.</param>
    /// <param name="pass">What there is to run.</param>
    /// <param name="hasRun">Whether it has been run.</param>
    /// <param name="cancellationToken">Looked at between layers.</param>
    public void End(KvCache cache, in RowPass pass, bool hasRun, CancellationToken cancellationToken)
    {
        if (!hasRun)
        {
            model.RunFinalLayers(pass.Rows, pass.Start, pass.Count, pass.From, pass.To, pass.Unread, cancellationToken);
        }

        cache.Length += pass.Count;
    }
}
