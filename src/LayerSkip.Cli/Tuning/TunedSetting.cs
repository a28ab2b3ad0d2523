using LayerSkip.Cli.Measurement;
using LayerSkip.Cli.Reports;

namespace LayerSkip.Cli.Tuning;

/// <summary>A setting that was measured.</summary>
/// <param name="Setting">How it drafts.</param>
/// <param name="Predicted">What was expected of it; null where a controller chooses, which cannot be foretold.</param>
/// <param name="Measured">What it gave.</param>
internal sealed record TunedSetting(DraftSetting Setting, Prediction? Predicted, SpeedCellReport Measured)
{
    /// <summary>Median over the runs.</summary>
    public double Speedup => Measured.Speedup.Median;
}
