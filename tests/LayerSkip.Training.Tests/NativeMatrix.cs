using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Training.Numerics;

namespace LayerSkip.Training.Tests;

/// <summary>A matrix with memory of its own.</summary>
internal sealed unsafe class NativeMatrix : IDisposable
{
    private readonly NativeBuffer _memory;
    private readonly int _stride;

    public NativeMatrix(int rows, int columns, int padding = 0)
    {
        (Rows, Columns, _stride) = (rows, columns, columns + padding);
        _memory = new NativeBuffer((long)rows * _stride * sizeof(float));
    }

    public int Rows { get; }

    public int Columns { get; }

    public Matrix View => new(_memory.Floats, Rows, Columns, _stride);

    /// <summary>Uniform numbers in [-scale, scale].</summary>
    public static NativeMatrix Random(Random random, int rows, int columns, double scale = 1, int padding = 0)
    {
        var matrix = new NativeMatrix(rows, columns, padding);
        matrix.Set([.. Enumerable.Range(0, rows * columns).Select(_ => ((2 * random.NextDouble()) - 1) * scale)]);
        return matrix;
    }

    public void Set(double[] values)
    {
        for (var i = 0; i < Rows * Columns; i++)
        {
            View.Row(i / Columns)[i % Columns] = (float)values[i];
        }
    }

    /// <summary>The numbers, row after row.</summary>
    public double[] ToDoubles() => [.. Enumerable.Range(0, Rows).SelectMany(row => View.Row(row).ToArray().Select(value => (double)value))];

    public float[] ToFloats() => [.. Enumerable.Range(0, Rows).SelectMany(row => View.Row(row).ToArray())];

    public void Dispose() => _memory.Dispose();
}
