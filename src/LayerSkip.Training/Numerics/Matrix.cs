using LayerSkip.Engine.Devices.Cpu;

namespace LayerSkip.Training.Numerics;

/// <summary>A view of float32 numbers in native memory as rows and columns; whoever made it keeps the memory alive.</summary>
internal readonly unsafe struct Matrix
{
    /// <param name="data">The first element.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="rowStride">Floats from a row to the next.</param>
    /// <param name="columnStride">Floats from a column to the next: 1 unless the view is transposed.</param>
    public Matrix(float* data, int rows, int columns, int rowStride, int columnStride = 1)
    {
        Data = data;
        (Rows, Columns, RowStride, ColumnStride) = (rows, columns, rowStride, columnStride);
    }

    public float* Data { get; }

    public int Rows { get; }

    public int Columns { get; }

    public int RowStride { get; }

    public int ColumnStride { get; }

    /// <summary>The same numbers with rows and columns exchanged.</summary>
    public Matrix Transposed => new(Data, Columns, Rows, ColumnStride, RowStride);

    /// <summary>A row of a matrix that is not transposed.</summary>
    public Span<float> Row(int row)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Rows, nameof(row));
        if (ColumnStride != 1)
        {
            throw new InvalidOperationException("the rows of a transposed view are not contiguous");
        }

        return new(Data + ((nint)row * RowStride), Columns);
    }

    /// <summary>The first rows of a buffer.</summary>
    public static Matrix Of(ActivationBuffer buffer, int rows, int columns)
    {
        var view = buffer.Rows(rows);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(columns, view.Stride);
        return new(view.Pointer, rows, columns, view.Stride);
    }

    /// <summary>Throws unless the matrix has this shape.</summary>
    /// <param name="name">What to call it.</param>
    /// <param name="rows">Rows it must have.</param>
    /// <param name="columns">Columns it must have.</param>
    /// <exception cref="ArgumentException">It has another shape.</exception>
    public void Expect(string name, int rows, int columns)
    {
        if (Rows != rows || Columns != columns)
        {
            throw new ArgumentException($"{name} is [{Rows}, {Columns}], expected [{rows}, {columns}]", name);
        }
    }
}
