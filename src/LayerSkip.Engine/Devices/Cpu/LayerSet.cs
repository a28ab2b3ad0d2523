namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>A model's layers, or a copy of the first of them, and what is known of the quickest ways through them.</summary>
/// <param name="layers">The layers.</param>
internal sealed class LayerSet(CpuLayer[] layers)
{
    /// <summary>Rows of a thread, from which on they are not told apart.</summary>
    private const int MostRows = 32;

    // By rows of a thread, those up to 5 by themselves, and then from 6, 8, 12, 16, 24 and 32 on.
    private readonly QuickerWay[] _ways = [.. Enumerable.Range(0, 12).Select(static _ => new QuickerWay())];

    /// <summary>The layers.</summary>
    public CpuLayer[] Layers { get; } = layers;

    /// <summary>A row alone: by one thread, or by all.</summary>
    public QuickerWay OneRow { get; } = new();

    /// <summary>Several rows: dealt to threads, or the outputs of each product.</summary>
    /// <param name="rows">Rows of a thread, at least 1.</param>
    public QuickerWay Rows(int rows) => _ways[Math.Min(rows, MostRows) switch { <= 5 and var few => few, < 8 => 6, < 12 => 7, < 16 => 8, < 24 => 9, < MostRows => 10, _ => 11 }];
}
