using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Decoding;

/// <summary>Brings tokens into the cache whose outcome nobody asks for: of a long prompt all but the first round's input, piece by piece.</summary>
/// <param name="model">The model.</param>
/// <param name="plan">How deep it runs.</param>
/// <param name="memory">The sequence's slots.</param>
/// <param name="tokens">The sequence.</param>
internal sealed class PromptPieces(IDeviceModel model, DecodingPlan plan, SequenceMemory memory, Transcript tokens)
{
    /// <summary>Positions that the cache needs for the next piece of a long prompt; null where no more tokens are left than a round takes as its input.</summary>
    public int? Positions => tokens.Count - memory.Length > Generation.PrefillRows ? memory.Length + Generation.PrefillRows : null;

    /// <summary>Runs the next tokens that are not in the cache yet at full depth.</summary>
    /// <param name="cache">The sequence's cache.</param>
    /// <param name="count">How many.</param>
    /// <param name="cancellationToken">Looked at between layers.</param>
    public void Run(KvCache cache, int count, CancellationToken cancellationToken)
    {
        var start = cache.Length;
        memory.EnsureRows(count);
        memory.Rows.Place(0, count, cache, start);
        model.Embed(memory.Rows, 0, tokens.Slice(start, count));
        model.RunFinalLayers(memory.Rows, 0, count, 0, plan.Depth, unread: count, cancellationToken);
        cache.Length = start + count;
    }
}
