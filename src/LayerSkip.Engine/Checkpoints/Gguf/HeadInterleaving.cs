namespace LayerSkip.Engine.Checkpoints.Gguf;

/// <summary>The order in which GGUF's <c>llama</c> architecture keeps the rows of a query or key projection.</summary>
/// <remarks>
/// Rotation pairs the elements of a head. Hugging Face's pairs lie half a head apart, those of <c>llama</c> files side by side: within each head,
/// row 2i + j of the file is row i + j h / 2 of Hugging Face, for a head of h elements and j of 0 and 1.
/// </remarks>
internal static class HeadInterleaving
{
    /// <summary>Whether the tensor's rows, or elements where it is a bias, are kept in another order. The name is Hugging Face's.</summary>
    public static bool Applies(string name) =>
        name.Contains(".self_attn.q_proj.", StringComparison.Ordinal) || name.Contains(".self_attn.k_proj.", StringComparison.Ordinal);

    /// <summary>Where a file keeps a row of Hugging Face.</summary>
    public static int FileRow(int row, int headDimension)
    {
        var (head, element) = Math.DivRem(row, headDimension);
        var (j, i) = Math.DivRem(element, headDimension / 2);
        return (head * headDimension) + (2 * i) + j;
    }

    /// <summary>Which row of Hugging Face a file keeps there.</summary>
    public static int ModelRow(int row, int headDimension)
    {
        var (head, element) = Math.DivRem(row, headDimension);
        var (i, j) = Math.DivRem(element, 2);
        return (head * headDimension) + i + (j * (headDimension / 2));
    }
}
