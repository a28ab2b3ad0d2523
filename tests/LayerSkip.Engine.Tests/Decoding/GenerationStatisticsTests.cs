using LayerSkip.Engine.Decoding;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Decoding;

public class GenerationStatisticsTests
{
    [Fact]
    public void Full_depth_makes_as_many_layer_passes_a_token_as_there_are_layers_however_long_the_prompt()
    {
        var config = TinyCheckpoint.DefaultConfig with { MaxPositions = 1000 };
        using var model = Models.Random(config);

        foreach (var length in new[] { 1, 256, 257, 700 })
        {
            using var generation = model.Decode([.. Enumerable.Repeat(1, length)], Models.Autoregressive(5));
            Assert.Equal(5 * config.Layers, generation.Statistics.LayerPasses);
        }
    }

    [Fact]
    public void Accepted_tokens_are_counted_beyond_the_room_that_was_made_for_them()
    {
        var recorder = new StatisticsRecorder(promptTokens: 1, outputCapacity: 2);
        foreach (var index in new[] { 0, 5, 6, 200 })
        {
            recorder.Accept(index);
        }

        int[] beginnings = [0, 1, 5, 6, 7, 200, 201, 500];
        Assert.Equal([0, 1, 1, 2, 3, 3, 4, 4], beginnings.Select(recorder.CountAccepted));
    }
}
