using LayerSkip.Cli.Measurement;
using LayerSkip.Cli.Reports;
using LayerSkip.Engine;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Tests;

namespace LayerSkip.Cli.Tests.Measurement;

public class ModePairTests
{
    [Fact]
    public void Copied_drafts_have_no_exit_layer()
    {
        var config = TinyCheckpoint.DefaultConfig;
        using var weights = new RandomWeightSource(config, seed: 5);
        using var model = LayerSkipModel.FromWeights("tiny", config, weights, options: new ModelOptions { Threads = 1 });
        var draft = new DecodingOptions { DraftController = DraftController.Fixed, DraftSource = DraftSource.Combined, ExitLayer = 1, NumSpeculations = 3 };
        int[][] prompts = [[3, 1, 4, 1, 5, 9, 2, 6], [2, 7, 1, 8, 2, 8, 1, 8]];
        var (_, speculative) = new ModePair(model, draft, maxTokens: 40, ignoreEndOfSequence: true).Run(prompts, run: 0, new AllocationMeter(), CancellationToken.None);

        using var generation = model.Generate(prompts[0], draft with { Mode = DecodingMode.SelfSpeculative, MaxNewTokens = 40, IgnoreEndOfSequence = true });
        while (generation.NextRound())
        {
        }

        Assert.InRange(generation.Statistics.LookupRounds, 1, generation.Statistics.DraftRounds - 1); // a tiny random model repeats itself
        Assert.Equal(1, speculative.MeanExitLayer);
    }

    [Fact]
    public void Drafts_of_several_runs_are_counted_together()
    {
        var config = TinyCheckpoint.DefaultConfig;
        using var weights = new RandomWeightSource(config, seed: 5, exitLayer: 2);
        using var model = LayerSkipModel.FromWeights("tiny", config, weights, options: new ModelOptions { Threads = 1 });
        ModeRun Run(int exit) => new ModePair(model, DraftSetting.Fixed(exit, 3).Options(), maxTokens: 24, ignoreEndOfSequence: true)
            .Run([[3, 1, 4, 1, 5]], run: 0, new AllocationMeter(), CancellationToken.None).Speculative;
        ModeRun[] runs = [Run(1), Run(2), Run(2)];
        var total = ModeRun.Total(runs);

        Assert.Equal([24, 24, 24], total.Outputs.Select(output => output.Length));
        int[] rounds = [.. runs.Select(run => run.AcceptedPerRound.Sum())];
        Assert.NotEqual(rounds[0], rounds[1]);
        Assert.Equal(72.0 / rounds.Sum(), total.TokensPerRound, 1e-12);
        Assert.Equal(rounds.Sum(), total.AcceptedPerRound.Sum());
        Assert.InRange(total.AcceptanceRate!.Value, runs.Min(run => run.AcceptanceRate!.Value), runs.Max(run => run.AcceptanceRate!.Value));
        Assert.NotEqual(runs[0].AcceptanceRate, total.AcceptanceRate);
        Assert.InRange(total.MeanExitLayer, 1.01, 1.99);
        Assert.Equal(runs.Sum(run => run.Seconds), total.Seconds, 1e-9);
    }

    [Fact]
    public void Rows_with_other_tokens_are_counted_over_all_cells()
    {
        var cell = new SpeedCellReport
        {
            Controller = "auto", ExitLayer = null, NumSpeculations = null, Speedup = new Spread(1, 1, 1), AutoregressiveMs = 1, SelfSpeculativeMs = 1,
            AutoregressiveMeanMs = 1, SelfSpeculativeMeanMs = 1, MeanExitLayer = 1, TokensPerRound = 1, AcceptanceRate = 1, Identical = 4,
        };
        Assert.Equal(0, new SpeedReport(4, 1, cell, [cell, cell]).Mismatches());
        Assert.Equal(3, new SpeedReport(4, 1, cell, [cell with { Identical = 1 }, cell]).Mismatches());
    }
}
