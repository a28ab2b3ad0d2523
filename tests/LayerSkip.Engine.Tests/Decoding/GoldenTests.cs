using System.Text.Json;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Decoding;

/// <summary>Greedy continuations of real checkpoints, against independent implementations.</summary>
public class GoldenTests
{
    private const int EndOfParse = 2303;

    [Fact]
    public void Stories_autoregressive_equals_golden()
    {
        using var model = Models.Shared("stories260K");
        foreach (var (prompt, expected) in Stories())
        {
            Assert.Equal(expected, model.Tokens(prompt, Models.Autoregressive(expected.Length)));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Stories_self_speculative_equals_golden_for_every_length(int exitLayer)
    {
        using var model = Models.Shared("stories260K");
        foreach (var (prompt, expected) in Stories())
        {
            for (var d = 1; d <= 8; d += TestedDevice.Many(1, few: 3))
            {
                Assert.Equal(expected, model.Tokens(prompt, Models.Speculative(exitLayer, d, expected.Length)));
            }
        }
    }

    [Theory]
    [InlineData("stories260K", WeightFormat.Int8)]
    [InlineData("stories260K", WeightFormat.Int4)]
    [InlineData("topv2-parser", WeightFormat.Int8)]
    [InlineData("topv2-parser", WeightFormat.Int4)]
    public void Quantised_models_self_speculate_what_they_decode(string name, WeightFormat format)
    {
        var length = TestedDevice.Many(80, few: 10);
        using var model = Models.Shared(name, format);
        var prompts = name == "stories260K" ? Stories().Take(TestedDevice.Many(6, few: 1)).Select(story => story.Prompt) : Parses().Take(TestedDevice.Many(6, few: 1)).Select(item => Ids(item, "prompt_ids"));
        foreach (var prompt in prompts)
        {
            var expected = model.Tokens(prompt, Models.Autoregressive(length), [EndOfParse]);
            for (var exitLayer = 1; exitLayer < model.Config.Layers; exitLayer++)
            {
                Assert.Equal(expected, model.Tokens(prompt, Models.Speculative(exitLayer, 1 + (exitLayer * 5 % 8), length), [EndOfParse]));
            }
        }
    }

    [Theory]
    [InlineData(WeightFormat.BF16)]
    [InlineData(WeightFormat.F32)]
    public void Parser_at_full_depth_equals_golden(WeightFormat format)
    {
        using var model = Models.Shared("topv2-parser", format);
        foreach (var item in Parses())
        {
            var output = model.Tokens(Ids(item, "prompt_ids"), Models.Autoregressive(96), [EndOfParse]);
            Assert.Equal(Ids(item, "output_ids"), output);
        }
    }

    [Fact]
    public void Parser_early_exits_equal_golden()
    {
        using var model = Models.Shared("topv2-parser");
        foreach (var item in Parses())
        {
            foreach (var exit in item.GetProperty("early_exit").EnumerateObject())
            {
                var options = new DecodingOptions
                {
                    Mode = DecodingMode.EarlyExit, ExitLayer = int.Parse(exit.Name, null), MaxNewTokens = 96,
                };
                Assert.Equal(Ids(exit.Value, "output_ids"), model.Tokens(Ids(item, "prompt_ids"), options, [EndOfParse]));
            }
        }
    }

    [Fact]
    public void Parser_self_speculative_rounds_equal_golden()
    {
        using var model = Models.Shared("topv2-parser");
        foreach (var item in Parses())
        {
            var golden = item.GetProperty("self_speculative");
            var options = Models.Speculative(golden.GetProperty("exit_layer").GetInt32(), golden.GetProperty("num_speculations").GetInt32(), 96);
            using var generation = model.Decode(Ids(item, "prompt_ids"), options, [EndOfParse]);

            Assert.Equal(Ids(item, "output_ids"), generation.Output.ToArray());
            Assert.Equal(FinishReason.Stop, generation.FinishReason);
            Assert.Equal(golden.GetProperty("rounds").GetInt32(), generation.Statistics.Rounds);
            Assert.Equal(golden.GetProperty("drafted").GetInt32(), generation.Statistics.Drafted);
            Assert.Equal(golden.GetProperty("accepted").GetInt32(), generation.Statistics.Accepted);
        }
    }

    [Fact]
    public void Parser_logits_at_every_exit_equal_golden()
    {
        using var model = Models.Shared("topv2-parser");
        var golden = SharedData.RequireJson("topv2-parser/golden.json");
        var items = golden.GetProperty("items").EnumerateArray().ToArray();
        foreach (var prefill in golden.GetProperty("prefill_logits").EnumerateArray())
        {
            var prompt = Ids(items[prefill.GetProperty("item").GetInt32()], "prompt_ids");
            var logits = new float[model.Config.VocabularySize];
            foreach (var exit in prefill.GetProperty("exits").EnumerateArray())
            {
                using var cache = model.CreateCache();
                using var rows = model.CreateRows(prompt.Length);
                rows.Place(0, prompt.Length, cache, 0);
                model.Embed(rows, 0, prompt);
                model.RunLayers(rows, 0, prompt.Length, 0, exit.GetProperty("exit_layer").GetInt32());
                model.Logits(rows, prompt.Length - 1, 1, logits);

                var top = Ids(exit, "top5_ids").Zip(Floats(exit, "top5_logits"));
                foreach (var (id, value) in top.Concat(Enumerable.Range(0, 8).Zip(Floats(exit, "logits_first8"))))
                {
                    Assert.Equal(value, logits[id], 1e-3f);
                }
            }
        }
    }

    private static IEnumerable<(int[] Prompt, int[] Expected)> Stories()
    {
        foreach (var item in SharedData.RequireJson("stories260K/golden_greedy.json").EnumerateArray().Take(TestedDevice.Many(int.MaxValue, few: 2)))
        {
            var prompt = Ids(item, "prompt_ids");
            yield return (prompt, [.. Ids(item, "ids")[prompt.Length..].Take(TestedDevice.Many(int.MaxValue, few: 12))]);
        }
    }

    private static JsonElement[] Parses() =>
        [.. SharedData.RequireJson("topv2-parser/golden.json").GetProperty("items").EnumerateArray().Take(TestedDevice.Many(int.MaxValue, few: 2))];

    private static int[] Ids(JsonElement item, string name) =>
        [.. item.GetProperty(name).EnumerateArray().Select(static id => id.GetInt32())];

    private static float[] Floats(JsonElement item, string name) =>
        [.. item.GetProperty(name).EnumerateArray().Select(static value => value.GetSingle())];
}
