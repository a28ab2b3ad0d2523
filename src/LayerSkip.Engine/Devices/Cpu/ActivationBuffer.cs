namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>Activation rows in native memory that grow to the widest pass seen and then stay.</summary>
/// <param name="width">Floats of a row that are used.</param>
internal sealed unsafe class ActivationBuffer(int width) : IDisposable
{
    private readonly int _stride = Stride(width);
    private NativeBuffer? _memory;
    private int _capacity;

    /// <summary>Bytes held now.</summary>
    public long Bytes => _memory?.Bytes ?? 0;

    /// <summary>Floats from one row to the next: whole panels of 32, plus a cache line so that rows do not all fall into the same cache sets.</summary>
    public static int Stride(int width) => ((width + 31) / 32 * 32) + 16;

    /// <summary>The first <paramref name="rows"/> rows; contents do not survive growth.</summary>
    public RowsView Rows(int rows)
    {
        if (rows > _capacity)
        {
            var capacity = Math.Max(rows, Math.Min(2 * _capacity, rows + 64));
            var memory = new NativeBuffer((long)capacity * _stride * sizeof(float));
            _memory?.Dispose();
            (_memory, _capacity) = (memory, capacity);
        }

        return new(_memory!.Floats, rows, _stride);
    }

    public void Dispose()
    {
        _memory?.Dispose();
        (_memory, _capacity) = (null, 0);
    }
}
