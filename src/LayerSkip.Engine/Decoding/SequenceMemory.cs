using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Decoding;

/// <summary>What a sequence holds on the device: the slots of its passes, its cache, and what its drafts choose among; and room for logits that come from there.</summary>
internal sealed class SequenceMemory : IDisposable
{
    private readonly IDeviceModel _model;
    private readonly int _depth;
    private KvCache? _cache;

    /// <param name="model">The model.</param>
    /// <param name="plan">How deep it runs, how far it drafts, and by what.</param>
    /// <param name="prompt">The sequence's prompt.</param>
    public SequenceMemory(IDeviceModel model, DecodingPlan plan, ReadOnlySpan<int> prompt)
    {
        (_model, _depth) = (model, plan.Depth);

        // Where the likeliest token is wanted alone, logits are looked at row by row, if at all.
        Logits = new LogitsRoom(model.Config.VocabularySize, rows: plan.ChoosesBest && plan.TopLogProbabilities is null ? 1 : plan.NumSpeculations + 1);
        DraftHead = plan.ChoosesBest && plan.UsesDraftHead ? model.CreateDraftHead(prompt) : null;
        try
        {
            Rows = model.CreateRows(Math.Min(prompt.Length, Generation.PrefillRows) + DecodingPlan.MaxSpeculations);
        }
        catch
        {
            DraftHead?.Dispose();
            throw;
        }

        Rows.Begin(prompt.Length);
    }

    /// <summary>What drafts guess by; null: the whole head.</summary>
    public DraftHead? DraftHead { get; }

    /// <summary>Room for logits, of a draft or of what judges it.</summary>
    public LogitsRoom Logits { get; }

    /// <summary>The slots.</summary>
    public RowBuffer Rows { get; private set; }

    /// <summary>Whether it has a cache: it has none at first, and after it has given it away.</summary>
    public bool HasCache => _cache is not null;

    /// <summary>Its cache, a new one where it has none.</summary>
    public KvCache Cache
    {
        get
        {
            if (_cache is null)
            {
                _cache = _model.CreateCache();
                _cache.Continue(_depth, 0);
            }

            return _cache;
        }
    }

    /// <summary>Tokens in its cache.</summary>
    public int Length => _cache?.Length ?? 0;

    /// <summary>Bytes of its cache.</summary>
    public long KvBytes => _cache?.Bytes ?? 0;

    /// <summary>How many of its tokens have run the first <paramref name="depth"/> layers, and are in its cache.</summary>
    public int ValidLength(int depth) => _cache?.ValidLength(depth) ?? 0;

    /// <summary>Takes a cache in place of its own.</summary>
    public void Adopt(KvCache cache)
    {
        _cache?.Dispose();
        _cache = cache;
    }

    /// <summary>Gives its cache away, if it has one.</summary>
    public KvCache? Release()
    {
        var released = _cache;
        _cache = null;
        return released;
    }

    /// <summary>Makes room for so many rows, all of them new: a sequence that goes on without its cache has more to compute at once than its prompt.</summary>
    public void EnsureRows(int count)
    {
        if (count > Rows.Capacity)
        {
            var rows = _model.CreateRows(Generation.PrefillRows + DecodingPlan.MaxSpeculations);
            rows.Replace(Rows);
            Rows.Dispose();
            Rows = rows;
        }
    }

    public void Dispose()
    {
        _cache?.Dispose();
        Rows.Dispose();
        DraftHead?.Dispose();
        Logits.Dispose();
    }
}
