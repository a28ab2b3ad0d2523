namespace LayerSkip.Cli.Reports.Plots;

/// <summary>A line of a chart.</summary>
/// <param name="Name">What the legend calls it.</param>
/// <param name="Colour">0 .. <see cref="Colours"/> - 1.</param>
/// <param name="Points">By x, ascending; all finite.</param>
/// <param name="Strong">Drawn thicker.</param>
internal sealed record Series(string Name, int Colour, IReadOnlyList<(double X, double Y)> Points, bool Strong = false)
{
    /// <summary>How many colours the style sheet has.</summary>
    public const int Colours = 8;

    /// <summary>The colour of the i-th of so many: neighbours alike, the first and the last apart.</summary>
    public static int ColourOf(int index, int count) => count <= 1 ? Colours - 1 : (int)Math.Round((double)index * (Colours - 1) / (count - 1));
}
