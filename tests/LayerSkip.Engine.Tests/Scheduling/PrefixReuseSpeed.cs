using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Scheduling;

namespace LayerSkip.Engine.Tests.Scheduling;

/// <summary>Time until the first token of a conversation's turns, with and without reuse, on a random model. Explicit: run by name.</summary>
/// <remarks><c>dotnet run -c Release --project tests/LayerSkip.Engine.Tests -- -explicit only -class '*PrefixReuseSpeed' -showliveoutput</c></remarks>
public class PrefixReuseSpeed(ITestOutputHelper output)
{
    [Fact(Explicit = true)]
    public async Task Of_turns_that_repeat_their_history()
    {
        var config = new ModelConfig
        {
            VocabularySize = 8192, HiddenSize = 512, IntermediateSize = 1536, Layers = 12, MaxPositions = 4096,
            AttentionHeads = 8, KeyValueHeads = 4, HeadDimension = 64, TiedEmbeddings = true,
        };
        using var weights = new RandomWeightSource(config, seed: 1, TensorDataType.BF16);
        using var model = LayerSkipModel.FromWeights("random", config, weights);
        using var fresh = new LayerSkipEngine(model, options: new() { IdleKvCacheBudget = 0 });
        using var reusing = new LayerSkipEngine(model);
        var random = new Random(1);
        List<int> history = [];
        for (var turn = 1; turn <= 6; turn++)
        {
            history.AddRange(Enumerable.Range(0, turn == 1 ? 500 : 100).Select(_ => random.Next(config.VocabularySize)));
            int[] prompt = [.. history];
            var (_, without) = await fresh.Run(prompt, Models.Autoregressive(32));
            var (answer, with) = await reusing.Run(prompt, Models.Autoregressive(32));
            output.WriteLine(
                $"turn {turn}: prompt of {prompt.Length} tokens, {with.CachedTokens} reused; first token after {with.PrefillTime.TotalMilliseconds:F0} ms, "
                + $"without reuse {without.PrefillTime.TotalMilliseconds:F0} ms ({without.PrefillTime / with.PrefillTime:F1}x)");
            history.AddRange(answer);
        }
    }
}
