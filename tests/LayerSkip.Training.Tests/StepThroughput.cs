using System.Diagnostics;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Training.Recipes;
using LayerSkip.Training.Tests.Numerics;

namespace LayerSkip.Training.Tests;

/// <summary>Tokens a second, share of the multiply-add limit and memory of whole training steps at the shipped parser's shape, 2,000 tokens a step in sequences of about 25. Explicit: run by name.</summary>
/// <remarks><c>dotnet run -c Release --project tests/LayerSkip.Training.Tests -- -explicit only -class '*StepThroughput' -showliveoutput</c></remarks>
[Collection("throughput")]
public class StepThroughput(ITestOutputHelper output)
{
    [Theory(Explicit = true)]
    [InlineData(1)]
    [InlineData(2)]
    public void Of_the_parser(int threads)
    {
        var config = new ModelConfig
        {
            VocabularySize = 2304, HiddenSize = 192, IntermediateSize = 512, Layers = 12, MaxPositions = 256,
            AttentionHeads = 6, KeyValueHeads = 2, HeadDimension = 32, TiedEmbeddings = true,
        };
        var random = new Random(1);
        var batch = new SequenceBatch([.. Enumerable.Range(0, 84).Select(_ =>
        {
            var length = random.Next(18, 34);
            return new TrainingSequence([.. Enumerable.Range(0, length).Select(_ => random.Next(2304))], length / 2);
        })]);
        var rotational = new LayerSkipRecipe { ExitScale = 1, Curriculum = ExitCurriculum.Rotational, Rotation = 4 };
        foreach (var (name, recipe) in new[]
        {
            ("no exits", new LayerSkipRecipe()),
            ("rotational 4", rotational),
            ("rotational 4, p_max 0.2", rotational with { MaxDropout = 0.2 }),
            ("all exits", rotational with { Curriculum = ExitCurriculum.All }),
        })
        {
            using var trainer = Trainer.FromScratch(config, new TrainingOptions { Steps = 100, Recipe = recipe, Threads = threads });
            trainer.MakeStep(batch);
            var steps = new List<(double Rows, double Gflops, double Share)>();
            for (var step = 0; step < 15; step++)
            {
                var limit = GemmThroughput.Peak(threads);
                var start = Stopwatch.GetTimestamp();
                var report = trainer.MakeStep(batch);
                var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
                limit = Math.Max(limit, GemmThroughput.Peak(threads));
                var gflops = report.Operations / seconds / 1e9;
                steps.Add((report.Rows / seconds, gflops, gflops / limit));
            }

            var shares = steps.Select(step => step.Share).Order().ToArray();
            output.WriteLine(
                $"{threads} threads, {name}: {batch.Rows} rows a step, {Median(step => step.Rows):F0} rows/s, {Median(step => step.Gflops):F0} GFLOPS, "
                + $"{Median(step => step.Share):P0} of the limit ({shares[0]:P0} - {shares[^1]:P0}), {trainer.Bytes / 1e6:F0} MB, of them {16 * trainer.Parameters / 1e6:F0} weights and moments");

            double Median(Func<(double Rows, double Gflops, double Share), double> of) => steps.Select(of).Order().ElementAt(steps.Count / 2);
        }
    }
}
