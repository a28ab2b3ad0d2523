using System.Diagnostics;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Training.Recipes;
using LayerSkip.Training.Tests.Numerics;

namespace LayerSkip.Training.Tests;

/// <summary>Tokens a second, share of the multiply-add limit and memory of whole training steps at a small parser's shape. Explicit: run by name.</summary>
/// <remarks><c>dotnet run -c Release --project tests/LayerSkip.Training.Tests -- -explicit only -class '*StepThroughput' -showliveoutput</c></remarks>
[Collection("throughput")]
public class StepThroughput(ITestOutputHelper output)
{
    [Theory(Explicit = true)]
    [InlineData(1)]
    [InlineData(2)]
    public void Of_a_small_parser(int threads)
    {
        var config = new ModelConfig
        {
            VocabularySize = 2304, HiddenSize = 256, IntermediateSize = 768, Layers = 12, MaxPositions = 256,
            AttentionHeads = 8, KeyValueHeads = 4, HeadDimension = 32, TiedEmbeddings = true,
        };
        var random = new Random(1);
        var batch = new SequenceBatch([.. Enumerable.Range(0, 56).Select(_ =>
        {
            var length = random.Next(20, 60);
            return new TrainingSequence([.. Enumerable.Range(0, length).Select(_ => random.Next(2304))], length / 2);
        })]);
        var rotational = new LayerSkipRecipe { ExitScale = 1, Curriculum = ExitCurriculum.Rotational, Rotation = 6 };
        foreach (var (name, recipe) in new[]
        {
            ("no exits", new LayerSkipRecipe()),
            ("rotational 6", rotational),
            ("rotational 6, p_max 0.2", rotational with { MaxDropout = 0.2 }),
            ("all exits", rotational with { Curriculum = ExitCurriculum.All }),
        })
        {
            using var trainer = Trainer.FromScratch(config, new TrainingOptions { Steps = 100, Recipe = recipe, Threads = threads });
            trainer.MakeStep(batch);
            var (best, share, rows) = (0.0, 0.0, 0.0);
            for (var repeat = 0; repeat < 5; repeat++)
            {
                var limit = GemmThroughput.Peak(threads);
                var start = Stopwatch.GetTimestamp();
                var report = trainer.MakeStep(batch);
                var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
                limit = Math.Max(limit, GemmThroughput.Peak(threads));
                best = Math.Max(best, report.Operations / seconds / 1e9);
                share = Math.Max(share, report.Operations / seconds / 1e9 / limit);
                rows = Math.Max(rows, report.Rows / seconds);
            }

            output.WriteLine(
                $"{threads} threads, {name}: {batch.Rows} rows a step, {rows:F0} rows/s, {best:F0} GFLOPS ({share:P0} of the limit), {trainer.Bytes / 1e6:F0} MB, of them {16 * trainer.Parameters / 1e6:F0} weights and moments");
        }
    }
}
