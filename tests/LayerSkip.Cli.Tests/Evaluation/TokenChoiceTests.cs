using LayerSkip.Cli.Evaluation;
using LayerSkip.Engine;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Sampling;
using LayerSkip.Tests;

namespace LayerSkip.Cli.Tests.Evaluation;

public sealed class TokenChoiceTests : IDisposable
{
    private readonly List<LayerSkipModel> _models = [.. new ulong[] { 5, 6, 7 }.Select(seed => Load(TinyCheckpoint.DefaultConfig with { Layers = (int)seed - 3 }, seed))];

    private int Vocabulary => _models[0].Config.VocabularySize;

    public void Dispose() => _models.ForEach(model => model.Dispose());

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Several_models_choose_the_likeliest_token_of_their_mean(int concurrency)
    {
        int[][] prompts = [[1, 2, 3], [40], [9, 8, 7, 6, 5], [3, 3]];

        var answers = Decode(SamplingOptions.Greedy, prompts, 12, concurrency);

        foreach (var (prompt, answer) in prompts.Zip(answers))
        {
            var context = prompt.ToList();
            foreach (var token in answer.Tokens)
            {
                var mean = Mean(context);
                Assert.Equal(mean.Max(), mean[token], 1e-6);
                context.Add(token);
            }
        }

        Assert.All(_models, model => Assert.Equal(0, model.KvBytes));
    }

    [Fact]
    public void Drawn_tokens_follow_the_mean()
    {
        const int Draws = 20_000;
        var answers = Decode(new SamplingOptions { Temperature = 1, Seed = 3 }, [.. Enumerable.Repeat<int[]>([4, 2], Draws)], 1, 64);
        var mean = Mean([4, 2]);

        var counts = answers.CountBy(answer => answer.Tokens[0]).ToDictionary();
        var chiSquare = Enumerable.Range(0, Vocabulary).Sum(token => Math.Pow(counts.GetValueOrDefault(token) - (Draws * mean[token]), 2) / (Draws * mean[token]));

        // Its mean is V - 1, its variance 2 (V - 1); beyond five deviations lies one seed in a million.
        Assert.True(chiSquare < Vocabulary - 1 + (5 * Math.Sqrt(2 * (Vocabulary - 1))), $"chi-square is {chiSquare} for {Vocabulary - 1} degrees of freedom");
    }

    [Fact]
    public void What_is_drawn_depends_on_the_seed_and_not_on_the_batch()
    {
        int[][] prompts = [[1, 2, 3], [40], [1, 2, 3], [3, 3]];
        int[][] Draw(ulong seed, int concurrency) =>
            [.. Decode(new SamplingOptions { Temperature = 1, Seed = seed }, prompts, 12, concurrency).Select(answer => answer.Tokens.ToArray())];

        Assert.Equal(Draw(1, 1), Draw(1, 4));
        Assert.NotEqual(Draw(1, 4), Draw(2, 4));
        Assert.NotEqual(Draw(1, 4)[0], Draw(1, 4)[2]);
    }

    private static LayerSkipModel Load(ModelConfig config, ulong seed)
    {
        using var weights = new RandomWeightSource(config, seed);
        return LayerSkipModel.FromWeights("tiny", config, weights, options: new ModelOptions { Threads = 1 });
    }

    private Answer[] Decode(SamplingOptions sampling, int[][] prompts, int maxTokens, int concurrency) =>
        new BatchDecoder(_models, new TokenChoice(sampling, Vocabulary), concurrency).Decode(prompts, null, maxTokens, null, TestContext.Current.CancellationToken);

    /// <summary>The mean of the models' distributions behind a context, each from a request of its own.</summary>
    private double[] Mean(List<int> context)
    {
        var mean = new double[Vocabulary];
        foreach (var model in _models)
        {
            var logits = new Capture();
            using var generation = model.Generate([.. context], new DecodingOptions { Mode = DecodingMode.Autoregressive, MaxNewTokens = 1, LogitsProcessors = [logits] });
            generation.NextRound(TestContext.Current.CancellationToken);
            var sum = logits.Values.Sum(logit => Math.Exp(logit));
            for (var token = 0; token < mean.Length; token++)
            {
                mean[token] += Math.Exp(logits.Values[token]) / sum / _models.Count;
            }
        }

        return mean;
    }

    private sealed class Capture : ILogitsProcessor
    {
        public float[] Values { get; private set; } = [];

        public void Process(ReadOnlySpan<int> context, Span<float> logits) => Values = logits.ToArray();
    }
}
