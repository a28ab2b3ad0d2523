using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>Products of a run of a matrix's panels, with their biases, over all rows of x.</summary>
internal static class Projection
{
    /// <summary>y = W x + b</summary>
    /// <param name="matrix">W.</param>
    /// <param name="bias">b; null: none.</param>
    /// <param name="from">First panel.</param>
    /// <param name="to">End of the panels, exclusive.</param>
    /// <param name="x">Rows as the matrix's kernel takes them.</param>
    /// <param name="y">As many rows or more.</param>
    public static void Write(WeightMatrix matrix, float[]? bias, int from, int to, in RowsView x, in RowsView y)
    {
        if (bias is not null)
        {
            var piece = Piece(bias, from, to);
            for (var row = 0; row < x.Count; row++)
            {
                var target = y.Row(row, y.Stride).Slice(from * PanelKernel.Width, (to - from) * PanelKernel.Width);
                piece.CopyTo(target);
                target[piece.Length..].Clear();
            }
        }

        matrix.Multiply(from, to, x.Count, x, y, accumulate: bias is not null);
    }

    /// <summary>y += W x + b</summary>
    /// <inheritdoc cref="Write"/>
    public static void Add(WeightMatrix matrix, float[]? bias, int from, int to, in RowsView x, in RowsView y)
    {
        if (bias is not null)
        {
            var piece = Piece(bias, from, to);
            for (var row = 0; row < x.Count; row++)
            {
                var target = y.Row(row, y.Stride).Slice(from * PanelKernel.Width, piece.Length);
                for (var i = 0; i < piece.Length; i++)
                {
                    target[i] += piece[i];
                }
            }
        }

        matrix.Multiply(from, to, x.Count, x, y, accumulate: true);
    }

    private static ReadOnlySpan<float> Piece(float[] bias, int from, int to) =>
        bias.AsSpan(from * PanelKernel.Width, Math.Min(bias.Length, to * PanelKernel.Width) - (from * PanelKernel.Width));
}
