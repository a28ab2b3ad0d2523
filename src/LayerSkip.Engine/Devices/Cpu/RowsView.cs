namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>A view of activation rows in native memory: <see cref="Count"/> rows, <see cref="Stride"/> floats apart.</summary>
internal readonly unsafe struct RowsView(float* pointer, int count, int stride)
{
    public float* Pointer { get; } = pointer;

    public int Count { get; } = count;

    public int Stride { get; } = stride;

    public float* this[int row]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Count, nameof(row));
            return Pointer + ((nint)row * Stride);
        }
    }

    public Span<float> Row(int row, int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)length, (uint)Stride, nameof(length));
        return new(this[row], length);
    }

    /// <summary>Copies the rows to others, of the same stride, which are not these.</summary>
    public void CopyTo(in RowsView others)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(others.Stride, Stride, nameof(others));
        for (var row = 0; row < Count; row++)
        {
            Row(row, Stride).CopyTo(others.Row(row, Stride));
        }
    }

    /// <summary>The rows from <paramref name="start"/> on.</summary>
    public RowsView Slice(int start, int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)start, (uint)Count, nameof(start));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)(Count - start), nameof(count));
        return new(Pointer + ((nint)start * Stride), count, Stride);
    }
}
