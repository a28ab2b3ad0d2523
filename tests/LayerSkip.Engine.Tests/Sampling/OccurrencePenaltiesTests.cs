using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Sampling;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Sampling;

public class OccurrencePenaltiesTests
{
    [Fact]
    public void Penalties_count_the_output_and_not_the_prompt()
    {
        var penalties = new OccurrencePenalties(frequency: 0.5f, presence: 2);
        penalties.Begin([1, 2, 2]);

        for (var call = 0; call < 2; call++)
        {
            float[] logits = [1, 1, 1, float.NegativeInfinity];
            penalties.Process([1, 2, 2, 1, 3, 1, 1], logits);
            Assert.Equal([1, 1 - 1.5f - 2, 1, float.NegativeInfinity], logits);
        }
    }

    [Theory]
    [InlineData(float.NaN, 0, "The frequency penalty must be finite.")]
    [InlineData(0, float.PositiveInfinity, "The presence penalty must be finite.")]
    public void Penalties_must_be_finite(float frequency, float presence, string expected) => Assert.StartsWith(
        expected, Assert.Throws<ArgumentOutOfRangeException>(() => new OccurrencePenalties(frequency, presence)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(DecodingMode.Autoregressive)]
    [InlineData(DecodingMode.SelfSpeculative)]
    public void A_large_presence_penalty_forbids_repetition(DecodingMode mode)
    {
        using var model = Models.Random(TinyCheckpoint.DefaultConfig);
        var options = new DecodingOptions { Mode = mode, ExitLayer = 2, MaxNewTokens = 60, LogitsProcessors = [new OccurrencePenalties(0, 1e6f)] };

        // The processor goes from one generation to the next, whose prompt is longer and all that the first has written.
        var output = model.Tokens([1, 2, 3], options);
        Assert.Equal(60, output.Distinct().Count());
        var next = model.Tokens(output, options);
        Assert.Equal(60, next.Distinct().Count());
        Assert.NotEmpty(output.Intersect(next));
    }
}
