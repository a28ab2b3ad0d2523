namespace LayerSkip.Cli.Reports;

/// <summary>How many of the rows stand in the training data too, and whether that shows.</summary>
/// <param name="TrainFiles">The training files.</param>
/// <param name="TrainRows">Their rows.</param>
/// <param name="Rows">Evaluated rows whose prompt, without regard to case and to how white space is made up, is also a training row's.</param>
/// <param name="Share">Their share of all evaluated rows.</param>
/// <param name="Depths">Scores of both kinds of rows, for each depth.</param>
internal sealed record OverlapReport(
    IReadOnlyList<string> TrainFiles, int TrainRows, int Rows, double Share, IReadOnlyList<OverlapDepthReport> Depths);
