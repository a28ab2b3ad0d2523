using LayerSkip.AI.Requests;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Sampling;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Tests.Requests;

public class DecodingOptionsMappingTests
{
    private static readonly RequestDefaults s_none = RequestDefaults.From(new LayerSkipOptions(), new GenerationDefaults());

    [Fact]
    public void Request_comes_before_client_before_checkpoint()
    {
        var client = new LayerSkipOptions { Temperature = 0.5f, TopK = 20, Mode = DecodingMode.SelfSpeculative };
        var checkpoint = new GenerationDefaults { Sample = true, Temperature = 0.9f, TopK = 9, TopP = 0.9f, MaxNewTokens = 77 };
        var defaults = RequestDefaults.From(client, checkpoint);

        var mapped = DecodingOptionsMapping.Map(new(), new ChatOptions { Temperature = 0.1f, Seed = -1 }.WithNumSpeculations(7), defaults);

        Assert.Equal(new SamplingOptions { Temperature = 0.1f, TopK = 20, TopP = 0.9f, Seed = ulong.MaxValue }, mapped.Sampling);
        Assert.Equal((DecodingMode.SelfSpeculative, null, 7, 77), (mapped.Mode, mapped.ExitLayer, mapped.NumSpeculations, mapped.MaxNewTokens));
    }

    [Fact]
    public void Top_p_of_zero_is_the_likeliest_token_wherever_it_is_given()
    {
        var likeliest = new SamplingOptions { Temperature = 1, TopK = 1 };
        var checkpoint = new GenerationDefaults { Sample = true, TopP = 0, TopK = 9 };
        Assert.Equal(likeliest, checkpoint.Sampling);
        Assert.Equal(likeliest, Map(null, new(), checkpoint));
        Assert.Equal(likeliest, Map(null, new() { Temperature = 1, TopK = 7, TopP = 0 }, new()));
        Assert.Equal(likeliest, Map(new() { Temperature = 1, TopP = 0 }, new() { TopK = 7, TopP = 0.5f }, new()));

        // What comes before it takes all of it away.
        Assert.Equal(likeliest with { TopK = 9, TopP = 0.5f }, Map(new() { TopP = 0.5f }, new(), checkpoint));
        Assert.Contains("TopP must lie in 0..1; 0 is the likeliest token only, 1 is off.", Assert.Throws<ArgumentOutOfRangeException>(
            () => Map(new() { TopP = 1.5f }, new(), new())).Message);

        static SamplingOptions? Map(ChatOptions? request, LayerSkipOptions client, GenerationDefaults checkpoint) =>
            DecodingOptionsMapping.Map(new(), request, RequestDefaults.From(client, checkpoint)).Sampling;
    }

    [Fact]
    public void Native_options_win_where_they_are_set()
    {
        var native = new DecodingOptions
        {
            ExitLayer = 3,
            MaxNewTokens = 5,
            IgnoreEndOfSequence = true,
            StopTokenIds = [4],
            Sampling = new() { Temperature = 0.3f, Seed = 8 },
        };
        var options = new ChatOptions { Temperature = 1, MaxOutputTokens = 9, Seed = 1, TopK = 6, TopP = 0.5f }.WithExitLayer(1).WithNumSpeculations(2);

        var mapped = DecodingOptionsMapping.Map(native, options, s_none);

        Assert.Equal((3, 2, 5, true), (mapped.ExitLayer, mapped.NumSpeculations, mapped.MaxNewTokens, mapped.IgnoreEndOfSequence));
        Assert.Equal(new SamplingOptions { Temperature = 0.3f, Seed = 8 }, mapped.Sampling);
        Assert.Equal([4], mapped.StopTokenIds);
        Assert.Equal(new SamplingOptions { Temperature = 0.3f, Seed = 8 }, native.Sampling);
    }

    [Fact]
    public void Native_greedy_decoding_stays_greedy()
    {
        var defaults = RequestDefaults.From(new LayerSkipOptions { Temperature = 0.9f }, new GenerationDefaults());
        var options = new ChatOptions { Temperature = 0.8f, TopP = 0.5f, Seed = 7 };

        Assert.Equal(
            SamplingOptions.Greedy with { Seed = 7 },
            DecodingOptionsMapping.Map(new() { Sampling = SamplingOptions.Greedy }, options, defaults).Sampling);
        Assert.Equal(0.8f, DecodingOptionsMapping.Map(new() { MaxNewTokens = 3 }, options, defaults).Sampling!.Temperature);
        Assert.Equal(0.9f, DecodingOptionsMapping.Map(new(), null, defaults).Sampling!.Temperature);
    }

    [Theory]
    [InlineData(0.25)]
    [InlineData(0.25f)]
    [InlineData("0.25")]
    public void Min_p_comes_in_any_type_of_number(object minP)
    {
        var options = new ChatOptions { AdditionalProperties = new() { ["min_p"] = minP } };
        Assert.Equal(0.25f, DecodingOptionsMapping.Map(new(), options, s_none).Sampling!.MinP);
        Assert.Equal(0.5f, DecodingOptionsMapping.Map(new() { Sampling = new() { MinP = 0.5f } }, options, s_none).Sampling!.MinP);
        Assert.Equal(0.25f, DecodingOptionsMapping.Map(new(), new ChatOptions().WithMinP(0.25f), s_none).Sampling!.MinP);
        options.AdditionalProperties["min_p"] = "little";
        Assert.Contains("\"min_p\"] is little (String), expected a number", Assert.Throws<ArgumentException>(
            () => DecodingOptionsMapping.Map(new(), options, s_none)).Message);
    }

    [Theory]
    [InlineData(null, null, 0)]
    [InlineData(false, null, 0)]
    [InlineData(false, 0.8f, 0)]
    [InlineData(true, null, 1)]
    [InlineData(true, 0.8f, 0.8f)]
    [InlineData(null, 0.6f, 0)]
    public void Checkpoint_decides_whether_to_sample(bool? sample, float? temperature, float expected)
    {
        var defaults = RequestDefaults.From(new(), new GenerationDefaults { Sample = sample, Temperature = temperature });

        Assert.Equal(expected, DecodingOptionsMapping.Map(new(), null, defaults).Sampling!.Temperature);
        Assert.True(DecodingOptionsMapping.Map(new(), new ChatOptions { Temperature = 0 }, defaults).Sampling!.IsGreedy);
    }

    [Fact]
    public void Penalties_become_a_processor_after_the_native_ones()
    {
        ILogitsProcessor own = new OccurrencePenalties(1, 1);
        var native = new DecodingOptions { LogitsProcessors = [own] };

        Assert.Equal(2, DecodingOptionsMapping.Map(native, new ChatOptions { FrequencyPenalty = 0.5f }, s_none).LogitsProcessors.Count);
        Assert.Equal(2, DecodingOptionsMapping.Map(native, new ChatOptions { PresencePenalty = 0.5f }, s_none).LogitsProcessors.Count);
        Assert.Same(own, Assert.Single(DecodingOptionsMapping.Map(native, new ChatOptions { PresencePenalty = 0 }, s_none).LogitsProcessors));
        Assert.Throws<ArgumentOutOfRangeException>(() => DecodingOptionsMapping.Map(native, new ChatOptions { PresencePenalty = float.NaN }, s_none));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void Token_limit_must_be_positive(int limit) =>
        Assert.Contains("MaxOutputTokens", Assert.Throws<ArgumentOutOfRangeException>(
            () => DecodingOptionsMapping.Map(new(), new ChatOptions { MaxOutputTokens = limit }, s_none)).Message);
}
