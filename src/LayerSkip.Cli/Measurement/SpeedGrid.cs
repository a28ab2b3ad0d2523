using LayerSkip.Cli.Reports;
using LayerSkip.Engine;

namespace LayerSkip.Cli.Measurement;

/// <summary>Compares self-speculative with autoregressive decoding on whole requests, one at a time, for every exit layer and speculation length asked for.</summary>
internal sealed class SpeedGrid
{
    private const double WarmUpSeconds = 1;

    private readonly SpeedSettings _settings;
    private readonly Cell[] _cells;

    public SpeedGrid(LayerSkipModel model, SpeedSettings settings)
    {
        _settings = settings;
        _cells =
        [
            .. settings.ExitLayers.SelectMany(exit => settings.NumSpeculations.Select(
                speculations => new Cell(exit, speculations, new ModePair(model, exit, speculations, settings.MaxTokens)))),
        ];
    }

    /// <summary>Measures. Runs go around all cells, so that a machine's slow minute falls on each of them.</summary>
    /// <param name="progress">Told the share done, 0..1.</param>
    /// <param name="cancellationToken">Looked at between layers.</param>
    public SpeedReport Run(IProgress<double> progress, CancellationToken cancellationToken)
    {
        WarmUp(cancellationToken);
        for (var run = 0; run < _settings.Runs; run++)
        {
            foreach (var (index, cell) in _cells.Index())
            {
                cell.Runs.Add(cell.Pair.Run(_settings.Prompts, run, new AllocationMeter(), cancellationToken));
                progress.Report(((run * _cells.Length) + index + 1.0) / (_settings.Runs * _cells.Length));
            }
        }

        var cells = _cells.Select(Report).ToArray();
        return new SpeedReport(_settings.Prompts.Count, _settings.Runs, cells.MaxBy(cell => cell.Speedup.Median)!, cells);
    }

    /// <summary>A pass over the prompts for each cell, or as much of it as fits into the time.</summary>
    private void WarmUp(CancellationToken cancellationToken)
    {
        foreach (var cell in _cells)
        {
            double seconds = 0;
            foreach (var prompt in _settings.Prompts.TakeWhile(_ => seconds < WarmUpSeconds))
            {
                var (autoregressive, speculative) = cell.Pair.Run([prompt], 0, new AllocationMeter(), cancellationToken);
                seconds += autoregressive.Seconds + speculative.Seconds;
            }
        }
    }

    private SpeedCellReport Report(Cell cell)
    {
        var autoregressive = cell.Runs.ConvertAll(run => run.Autoregressive);
        var speculative = cell.Runs.ConvertAll(run => run.Speculative);
        return new SpeedCellReport
        {
            ExitLayer = cell.ExitLayer,
            NumSpeculations = cell.NumSpeculations,
            Speedup = Spread.Of(cell.Runs.Select(run => run.Autoregressive.Seconds / run.Speculative.Seconds)),
            AutoregressiveMs = Milliseconds(autoregressive),
            SelfSpeculativeMs = Milliseconds(speculative),
            AutoregressiveMeanMs = MeanMilliseconds(autoregressive),
            SelfSpeculativeMeanMs = MeanMilliseconds(speculative),
            TokensPerRound = speculative[0].TokensPerRound,
            AcceptanceRate = speculative[0].AcceptanceRate,
            Identical = Enumerable.Range(0, _settings.Prompts.Count).Count(
                row => autoregressive.Concat(speculative).All(run => run.Outputs[row].SequenceEqual(_settings.Answers[row]))),
        };
    }

    /// <summary>The median over all requests of all runs.</summary>
    private static double Milliseconds(List<ModeRun> runs) => 1000 * Spread.Of(runs.SelectMany(run => run.RequestSeconds)).Median;

    /// <summary>The median over the runs of the mean over a run's requests.</summary>
    private static double MeanMilliseconds(List<ModeRun> runs) => 1000 * Spread.Of(runs.Select(run => run.RequestSeconds.Average())).Median;

    private sealed record Cell(int ExitLayer, int NumSpeculations, ModePair Pair)
    {
        public List<(ModeRun Autoregressive, ModeRun Speculative)> Runs { get; } = [];
    }
}
