using LayerSkip.Cli.Measurement;
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
}
