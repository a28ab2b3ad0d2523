namespace LayerSkip.Engine.Devices.Scripted;

/// <summary>Row slots of one request: where each stands, and, once its first token is being chosen, the answer.</summary>
internal sealed class ScriptedRows(ScriptedDevice device, int capacity) : RowBuffer
{
    private readonly int[] _positions = new int[capacity];
    private readonly int[] _depths = new int[capacity];
    private ScriptedKvCache? _cache;

    public override int Capacity => capacity;

    public ScriptedDevice Device => device;

    /// <summary>The request's number among all of the model, from 0.</summary>
    public int Request { get; private set; }

    public ScriptedAnswer? Answer { get; set; }

    public ScriptedKvCache Cache => _cache ?? throw new InvalidOperationException("the rows have not been placed");

    public int Position(int slot) => _positions[slot];

    /// <summary>Layers that have run over a slot.</summary>
    public ref int Depth(int slot) => ref _depths[slot];

    public override void Begin(int promptTokens)
    {
        base.Begin(promptTokens);
        Request = device.NextRequest();
    }

    public override void Replace(RowBuffer others)
    {
        base.Replace(others);
        (Request, Answer) = (((ScriptedRows)others).Request, ((ScriptedRows)others).Answer);
    }

    public override void Place(int start, int count, KvCache cache, int position)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(position);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)start, (uint)Capacity, nameof(start));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)(Capacity - start), nameof(count));
        if (cache is not ScriptedKvCache own || own.Device != device)
        {
            throw new ArgumentException("the cache belongs to another model", nameof(cache));
        }

        _cache = own;
        own.Reserve(position + count);
        for (var i = 0; i < count; i++)
        {
            _positions[start + i] = position + i;
        }
    }

    public override void Dispose()
    {
    }
}
