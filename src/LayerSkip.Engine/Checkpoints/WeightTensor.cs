namespace LayerSkip.Engine.Checkpoints;

/// <summary>One named weight tensor of a checkpoint, read row by row as float32.</summary>
/// <remarks>
/// Widening to float32 is exact for float types; for quantised ones it is the product of integer and scale, rounded to float32.
/// Reading is safe from several threads at once.
/// </remarks>
public abstract class WeightTensor
{
    /// <summary>The tensor's name in the checkpoint, such as <c>model.layers.0.self_attn.q_proj.weight</c>.</summary>
    public abstract string Name { get; }

    /// <summary>How the checkpoint stores the elements.</summary>
    public abstract TensorDataType DataType { get; }

    /// <summary>The tensor's dimensions, outermost first.</summary>
    public abstract IReadOnlyList<long> Shape { get; }

    /// <summary>Rows of the matrix: the first dimension of a matrix, 1 for a vector.</summary>
    public int Rows => Shape.Count == 1 ? 1 : checked((int)Shape[0]);

    /// <summary>Elements in a row: the last dimension.</summary>
    public int Columns => checked((int)Shape[^1]);

    /// <summary>Reads row <paramref name="row"/>, widened to float32.</summary>
    /// <param name="row">0 .. <see cref="Rows"/> - 1.</param>
    /// <param name="destination">Exactly <see cref="Columns"/> elements.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="row"/> is outside the tensor.</exception>
    /// <exception cref="ArgumentException"><paramref name="destination"/> has another length.</exception>
    public abstract void ReadRow(int row, Span<float> destination);

    /// <summary>Reads neighbouring rows, as <see cref="ReadRow"/> does: where a source can, with one reading.</summary>
    /// <param name="row">The first, 0 .. <see cref="Rows"/> - 1.</param>
    /// <param name="count">How many, at least one.</param>
    /// <param name="destination">Exactly <paramref name="count"/> times <see cref="Columns"/> elements.</param>
    /// <inheritdoc cref="ReadRow"/>
    internal virtual void ReadRows(int row, int count, Span<float> destination)
    {
        CheckRows(row, count, destination);
        for (var i = 0; i < count; i++)
        {
            ReadRow(row + i, destination.Slice(i * Columns, Columns));
        }
    }

    /// <summary>
    /// Reads the blocks of row <paramref name="row"/> as they are stored. A source of quantised weights says <see cref="TensorDataType.Int8"/> or
    /// <see cref="TensorDataType.Int4"/> as <see cref="DataType"/>, keeps the matrix's own shape (rows, columns) as <see cref="Shape"/>, and overrides
    /// this beside <see cref="ReadRow"/>: a device whose format holds the blocks takes them over bit for bit.
    /// </summary>
    /// <param name="row">0 .. <see cref="Rows"/> - 1.</param>
    /// <param name="values"><see cref="Columns"/> integers: -128..127 for Int8, -8..7 for Int4; the weight is integer · scale of its block.</param>
    /// <param name="scales">A scale for each 32 columns begun, as <see cref="WeightBlocks.Count"/> says. Any finite number, negative ones too.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="row"/> is outside the tensor.</exception>
    /// <exception cref="ArgumentException"><paramref name="values"/> or <paramref name="scales"/> has another length.</exception>
    /// <exception cref="NotSupportedException">The tensor is not quantised.</exception>
    internal virtual void ReadBlocks(int row, Span<sbyte> values, Span<float> scales) => throw NoBlocks();

    /// <summary>Throws what <see cref="ReadRow"/> documents where its arguments do not fit the tensor.</summary>
    private protected void CheckRow(int row, ReadOnlySpan<float> destination) => CheckRows(row, 1, destination);

    /// <inheritdoc cref="CheckRow"/>
    private protected void CheckRows(int row, int count, ReadOnlySpan<float> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(row);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(row, Rows - count);
        if (destination.Length != (long)count * Columns)
        {
            throw new ArgumentException($"Holds {destination.Length} elements, but a row of {Name} has {Columns}.", nameof(destination));
        }
    }

    /// <summary>Throws what <see cref="ReadBlocks"/> documents where the tensor has no blocks, or its arguments do not fit them.</summary>
    private protected void CheckBlocks(int row, ReadOnlySpan<sbyte> values, ReadOnlySpan<float> scales)
    {
        if (!WeightBlocks.AreIn(DataType))
        {
            throw NoBlocks();
        }

        ArgumentOutOfRangeException.ThrowIfNegative(row);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(row, Rows);
        if (values.Length != Columns || scales.Length != WeightBlocks.Count(Columns))
        {
            throw new ArgumentException(
                $"Room for {values.Length} integers and {scales.Length} scales, but a row of {Name} has {Columns} and {WeightBlocks.Count(Columns)}.", nameof(values));
        }
    }

    private NotSupportedException NoBlocks() => new($"{Name} is {DataType}, which has no blocks.");
}
