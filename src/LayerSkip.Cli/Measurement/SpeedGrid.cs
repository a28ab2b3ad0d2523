using LayerSkip.Cli.Reports;
using LayerSkip.Engine;

namespace LayerSkip.Cli.Measurement;

/// <summary>Compares self-speculative with autoregressive decoding on whole requests, one at a time, for every way to draft asked for.</summary>
internal sealed class SpeedGrid(LayerSkipModel model, SpeedSettings settings)
{
    private readonly PairedCell[] _cells =
    [
        .. settings.Cells.Select(cell => new PairedCell(model, settings.Prompts, cell, settings.MaxTokens, settings.Constrain)),
    ];

    /// <summary>Measures. Runs go around all cells, so that a machine's slow minute falls on each of them.</summary>
    /// <param name="progress">Told the share done, 0..1.</param>
    /// <param name="cancellationToken">Looked at between layers.</param>
    public SpeedReport Run(IProgress<double> progress, CancellationToken cancellationToken)
    {
        foreach (var cell in _cells)
        {
            cell.WarmUp(cancellationToken);
        }

        for (var run = 0; run < settings.Runs; run++)
        {
            foreach (var (index, cell) in _cells.Index())
            {
                cell.Run(cancellationToken);
                progress.Report(((run * _cells.Length) + index + 1.0) / (settings.Runs * _cells.Length));
            }
        }

        var cells = Array.ConvertAll(_cells, cell => cell.Report(settings.Answers));
        return new SpeedReport(settings.Prompts.Count, settings.Runs, cells.MaxBy(cell => cell.Speedup.Median)!, cells);
    }
}
