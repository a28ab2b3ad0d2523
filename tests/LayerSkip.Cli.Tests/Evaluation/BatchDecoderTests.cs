using LayerSkip.Cli.Evaluation;
using LayerSkip.Engine;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Parsing.Grounding;
using LayerSkip.Tests;

namespace LayerSkip.Cli.Tests.Evaluation;

public class BatchDecoderTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 2)]
    [InlineData(64, 2)]
    public void Answers_are_those_of_requests_of_their_own(int concurrency, int threads)
    {
        var config = TinyCheckpoint.DefaultConfig with { MaxPositions = 700 };
        using var weights = new RandomWeightSource(config, seed: 5);
        using var model = LayerSkipModel.FromWeights(
            "tiny", config, weights, new GenerationDefaults { EndOfSequenceIds = [7, 20] }, new ModelOptions { Threads = threads });
        var random = new Random(1);

        // Lengths around the pieces of long prompts, and prompts so long that the context ends.
        int[] lengths = [1, 2, 30, 256, 257, 258, 512, 513, 514, 699, 690, 5, 17, 40];
        int[][] prompts = [.. lengths.Select(length => Enumerable.Range(0, length).Select(_ => random.Next(config.VocabularySize)).ToArray())];
        foreach (var layers in (int[])[config.Layers, 1, 3])
        {
            var answers = new BatchDecoder(model, concurrency).Decode(prompts, layers, 24, null, TestContext.Current.CancellationToken);

            foreach (var (prompt, answer) in prompts.Zip(answers))
            {
                var options = layers == config.Layers
                    ? new DecodingOptions { Mode = DecodingMode.Autoregressive, MaxNewTokens = 24 }
                    : new DecodingOptions { Mode = DecodingMode.EarlyExit, ExitLayer = layers, MaxNewTokens = 24 };
                using var generation = model.Generate(prompt, options);
                while (generation.NextRound(TestContext.Current.CancellationToken))
                {
                }

                Assert.Equal(generation.Output.ToArray(), answer.Tokens);
                Assert.Equal(generation.FinishReason == FinishReason.Stop, answer.IsFinished);
            }
        }

        Assert.Equal(0, model.KvBytes);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public void Constrained_answers_are_those_of_requests_of_their_own(int concurrency)
    {
        // The last prompts leave less room than the limit does, so that what is open is closed before the context ends.
        var config = TinyCheckpoint.DefaultConfig with { VocabularySize = 2400, MaxPositions = 40 };
        using var weights = new RandomWeightSource(config, seed: 5);
        using var model = LayerSkipModel.FromWeights("tiny", config, weights, new GenerationDefaults { EndOfSequenceIds = [2303] });
        var tokenizer = Tokenizer.Load(Tool.Parser);
        var grammar = new Grammar();
        TokenConstraint?[] constraints =
        [
            new(grammar.Sequence(grammar.Literal("the time is "), grammar.OneOf(["one", "two"]), grammar.Optional(grammar.Literal(" o'clock"))), tokenizer),
            null,
            new(grammar.Literal("remind me"), tokenizer) { TakesCertainText = false },
            new(grammar.Repeat(grammar.OneOf(["a", "b"]), 3), tokenizer),
            GroundedFrames.Constrain("a b", tokenizer),
        ];
        constraints = [.. constraints, .. constraints];
        int[][] prompts = [.. constraints.Select((_, index) => (int[])[index, .. Enumerable.Repeat(9, index < 5 ? 1 : 21 + index)])];

        var answers = new BatchDecoder(model, concurrency).Decode(prompts, null, 12, null, TestContext.Current.CancellationToken, index => constraints[index]);

        foreach (var (index, answer) in answers.Index())
        {
            using var generation = model.Generate(
                prompts[index], new DecodingOptions { Mode = DecodingMode.Autoregressive, MaxNewTokens = 12, Constraint = constraints[index] });
            while (generation.NextRound(TestContext.Current.CancellationToken))
            {
            }

            Assert.Equal(generation.Output.ToArray(), answer.Tokens);
            Assert.Equal(generation.FinishReason is FinishReason.Stop or FinishReason.Complete, answer.IsFinished);
        }
    }

    [Fact]
    public void Cancelled_decoding_frees_its_caches()
    {
        using var weights = new RandomWeightSource(TinyCheckpoint.DefaultConfig, seed: 5);
        using var model = LayerSkipModel.FromWeights("tiny", TinyCheckpoint.DefaultConfig, weights);
        using var cancellation = new CancellationTokenSource();
        var progress = new Cancelling(cancellation);
        int[][] prompts = [[1], [2], [3], [4]];

        Assert.ThrowsAny<OperationCanceledException>(() => new BatchDecoder(model, 2).Decode(prompts, 4, 50, progress, cancellation.Token));
        Assert.Equal(0, model.KvBytes);
    }

    private sealed class Cancelling(CancellationTokenSource source) : IProgress<double>
    {
        public void Report(double value) => source.Cancel();
    }
}
