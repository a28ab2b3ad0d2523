namespace LayerSkip.Cli.Reports;

/// <summary>rope_scaling: what the rule uses, null otherwise.</summary>
internal sealed record RopeScalingReport(
    string RopeType, float Factor, float? LowFreqFactor, float? HighFreqFactor, int? OriginalMaxPositionEmbeddings);
