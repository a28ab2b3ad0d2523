using LayerSkip.Cli.Measurement;
using LayerSkip.Engine;

namespace LayerSkip.Cli.Sweeping;

/// <summary>Measures every cell of a grid that its file does not hold yet.</summary>
internal sealed class Sweep(LayerSkipModel model, IReadOnlyList<int[]> prompts, SweepSetup setup, SweepFile file)
{
    /// <summary>Measures, cell by cell.</summary>
    /// <param name="cells">How to draft.</param>
    /// <param name="measured">Called after each cell, when the file has it.</param>
    /// <param name="progress">Told the share of the cells in the file, 0..1.</param>
    /// <param name="cancellationToken">Looked at between layers; the cell in hand is lost.</param>
    public void Run(
        IReadOnlyList<DraftSetting> cells, Action measured, IProgress<double> progress, CancellationToken cancellationToken)
    {
        foreach (var (index, cell) in cells.Index())
        {
            if (!file.Contains(cell))
            {
                var pair = new PairedCell(model, prompts, cell, setup.MaxTokens);
                pair.WarmUp(cancellationToken);
                for (var run = 0; run < setup.Runs; run++)
                {
                    pair.Run(cancellationToken);
                }

                file.Add(pair.Report());
                measured();
            }

            progress.Report((index + 1.0) / cells.Count);
        }
    }
}
