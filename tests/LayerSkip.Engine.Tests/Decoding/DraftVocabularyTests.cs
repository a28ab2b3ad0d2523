using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Tests.Decoding;

/// <summary>Drafts over a part of the vocabulary: cheaper guesses, the same output.</summary>
public class DraftVocabularyTests
{
    [Fact]
    public void Output_equals_autoregressive_whatever_drafts_choose_among()
    {
        var random = new Random(31);
        for (var round = 0; round < TestedDevice.Many(12, few: 3); round++)
        {
            var config = Models.RandomConfig(random);
            var vocabulary = Some(random, config.VocabularySize);
            using var model = Models.Random(config, (ulong)round, round % 2 == 0 ? WeightFormat.F32 : WeightFormat.BF16, 1 + (round % 2), draftVocabulary: vocabulary);
            var prompt = Prompt(random, config);
            var expected = model.Tokens(prompt, Models.Autoregressive(40));
            for (var exitLayer = 1; exitLayer < config.Layers; exitLayer++)
            {
                using var generation = new Generation(model, prompt, DecodingPlan.Create(Models.Speculative(exitLayer, 4, 40), config, new()));
                while (generation.NextRound())
                {
                    Assert.All(generation.RoundDraft.ToArray(), token => Assert.True(vocabulary.Contains(token) || prompt.Contains(token)));
                }

                Assert.Equal(expected, generation.Output.ToArray());
            }
        }
    }

    [Fact]
    public void A_draft_takes_one_of_the_most_likely_of_its_tokens()
    {
        var random = new Random(32);
        for (var round = 0; round < TestedDevice.Many(12, few: 3); round++)
        {
            var config = Models.RandomConfig(random);
            var vocabulary = Some(random, config.VocabularySize);
            using var model = Models.Random(config, (ulong)round, round % 2 == 0 ? WeightFormat.F32 : WeightFormat.BF16, 1 + (round % 2), draftVocabulary: vocabulary);
            var prompt = Prompt(random, config);
            using var cache = model.CreateCache();
            using var rows = model.CreateRows(prompt.Length);
            using var head = model.CreateDraftHead(prompt);
            rows.Place(0, prompt.Length, cache, 0);
            model.Embed(rows, 0, prompt);
            model.RunLayers(rows, 0, prompt.Length, 0, 1);
            var logits = new float[config.VocabularySize];
            for (var row = 0; row < prompt.Length; row++)
            {
                model.Logits(rows, row, 1, logits);
                var best = vocabulary.Union(prompt).Max(token => logits[token]);
                var guess = model.Guess(rows, row, head);

                // Where those rows of the head are kept in bytes, the logits of random weights are too close to one another to be told apart always.
                Assert.InRange(logits[guess.Token], best - (TestedDevice.RoundsDraftVocabulary ? 0.05f : 0), best);
                var probability = 1 / vocabulary.Union(prompt).Sum(token => Math.Exp(logits[token] - logits[guess.Token]));
                Assert.Equal(probability, guess.Probability, TestedDevice.RoundsDraftVocabulary ? 0.05 * probability : 1e-5);
            }
        }
    }

    [Fact]
    public void The_whole_vocabulary_is_drafted_over_where_none_is_declared_or_it_is_ignored()
    {
        var random = new Random(33);
        var config = Models.RandomConfig(random);
        var prompt = Prompt(random, config);
        using var whole = Models.Random(config);
        using var few = Models.Random(config, draftVocabulary: [0]);
        Assert.Null(whole.CreateDraftHead(prompt));

        var options = Models.Speculative(1, 6, 40);
        using var expected = whole.Decode(prompt, options);
        using var ignored = few.Decode(prompt, options with { DraftByWholeHead = true });
        Assert.Equal(expected.Statistics.Accepted, ignored.Statistics.Accepted);
        Assert.Equal(expected.Statistics.Drafted, ignored.Statistics.Drafted);
    }

    [Fact]
    public void A_token_outside_the_vocabulary_is_refused()
    {
        var config = Models.RandomConfig(new Random(34));
        using var weights = new RandomWeightSource(config, 1, TensorDataType.F32);
        var defaults = new GenerationDefaults { DraftVocabulary = [0, config.VocabularySize] };
        Assert.Throws<ArgumentOutOfRangeException>(() => LayerSkipModel.FromWeights("random", config, weights, defaults));
    }

    [Fact]
    public void A_head_of_another_model_is_refused()
    {
        var config = Models.RandomConfig(new Random(35));
        using var model = Models.Random(config, draftVocabulary: [0, 1]);
        using var other = Models.Random(config, draftVocabulary: [0, 1]);
        using var head = other.CreateDraftHead([2]);
        using var cache = model.CreateCache();
        using var rows = model.CreateRows(1);
        rows.Place(0, 1, cache, 0);
        model.Embed(rows, 0, [1]);
        Assert.Throws<ArgumentException>(() => model.Guess(rows, 0, head));
    }

    private static int[] Some(Random random, int size) => [.. Enumerable.Range(0, size).Where(token => token == 0 || random.Next(3) == 0)];

    private static int[] Prompt(Random random, ModelConfig config) =>
        [.. Enumerable.Range(0, random.Next(1, 20)).Select(_ => random.Next(config.VocabularySize))];
}
