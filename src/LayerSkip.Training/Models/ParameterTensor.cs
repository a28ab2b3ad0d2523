namespace LayerSkip.Training.Models;

/// <summary>Where one tensor stands in a flat buffer of parameters.</summary>
/// <param name="Name">Its Hugging Face name.</param>
/// <param name="Offset">Its first element.</param>
/// <param name="Rows">Rows; 1 for a vector.</param>
/// <param name="Columns">Columns.</param>
/// <param name="IsNorm">The gain of a norm, which does not decay.</param>
/// <param name="Layer">The layer it belongs to, from 0; null for embedding, final norm and head.</param>
internal sealed record ParameterTensor(string Name, long Offset, int Rows, int Columns, bool IsNorm, int? Layer)
{
    /// <summary>The dimensions under which a checkpoint stores it.</summary>
    public long[] Shape => IsNorm ? [Columns] : [Rows, Columns];

    /// <summary>Whether it writes into the residual stream.</summary>
    public bool WritesStream =>
        Name.EndsWith("o_proj.weight", StringComparison.Ordinal) || Name.EndsWith("down_proj.weight", StringComparison.Ordinal);

    /// <summary>Elements.</summary>
    public long Count => (long)Rows * Columns;
}
