using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;

namespace LayerSkip.AI.Tests;

public class LayerSkipOptionsValidatorTests
{
    public static TheoryData<Action<LayerSkipOptions>, string> Wrong => new()
    {
        { options => options.ModelPath = "", "LayerSkipOptions.ModelPath is empty, expected a Hugging Face checkpoint directory or a GGUF file." },
        { options => options.ModelPath = "/nowhere/at/all", "LayerSkipOptions.ModelPath is '/nowhere/at/all', which does not exist, expected" },
        { options => options.ModelPath = Path.Combine(TestModels.ParserPath, "config.json"), "config.json', which does not begin with 'GGUF', expected a Hugging Face" },
        { options => options.ModelPath = Path.GetDirectoryName(TestModels.ParserPath)!, "which holds no config.json" },
        { options => options.Device = "gpu", "LayerSkipOptions.Device is 'gpu', expected 'auto', 'cpu', 'cuda' or 'cuda:' and an ordinal." },
        { options => options.Threads = 0, "LayerSkipOptions.Threads is 0, expected null or 1..1024." },
        { options => options.WeightFormat = (WeightFormat)99, "LayerSkipOptions.WeightFormat is 99, expected one of Auto, " },
        { options => options.Compression = (WeightCompression)99, "LayerSkipOptions.Compression is 99, expected one of Auto, " },
        { options => options.Mode = (DecodingMode)5, "LayerSkipOptions.Mode is 5, expected one of Autoregressive, SelfSpeculative, EarlyExit." },
        { options => options.ExitLayer = 0, "LayerSkipOptions.ExitLayer is 0, expected null or at least 1." },
        { options => options.NumSpeculations = 65, "LayerSkipOptions.NumSpeculations is 65, expected null or 1..64." },
        { options => options.MaxOutputTokens = -3, "LayerSkipOptions.MaxOutputTokens is -3, expected null or at least 1." },
        { options => options.Temperature = -0.5f, "LayerSkipOptions.Temperature is -0.5, expected null, 0 (greedy) or positive and finite." },
        { options => options.Temperature = float.NaN, "LayerSkipOptions.Temperature is NaN" },
        { options => options.TopK = -1, "LayerSkipOptions.TopK is -1, expected null, 0 (off) or positive." },
        { options => options.TopP = 1.5f, "LayerSkipOptions.TopP is 1.5, expected null, 0 (the likeliest token only) or up to 1 (off)." },
        { options => options.MaxConcurrentRequests = 0, "LayerSkipOptions.MaxConcurrentRequests is 0, expected at least 1." },
        { options => options.MaxQueuedRequests = -1, "LayerSkipOptions.MaxQueuedRequests is -1, expected at least 0." },
        { options => options.KvCacheBudget = 0, "LayerSkipOptions.KvCacheBudget is 0, expected null or at least 1 byte." },
        { options => options.IdleKvCacheBudget = -1, "LayerSkipOptions.IdleKvCacheBudget is -1, expected null, 0 (no reuse) or a number of bytes." },
        { options => options.EmbeddingLayer = 0, "LayerSkipOptions.EmbeddingLayer is 0, expected null or at least 1." },
        { options => options.UnsupportedOptions = (UnsupportedOptionBehavior)3, "LayerSkipOptions.UnsupportedOptions is 3, expected one of Ignore, Warn, Throw." },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void Message_names_property_value_and_expectation(Action<LayerSkipOptions> change, string expected)
    {
        var options = new LayerSkipOptions { ModelPath = TestModels.ParserPath };
        change(options);

        Assert.Contains(expected, Assert.Single(new LayerSkipOptionsValidator().Validate("", options).Failures!));
    }

    [Fact]
    public void All_errors_are_told_with_the_options_name()
    {
        var result = new LayerSkipOptionsValidator().Validate("small", new LayerSkipOptions { TopK = -1 });

        Assert.Equal(2, result.Failures!.Count());
        Assert.Contains("LayerSkipOptions.TopK of 'small' is -1", result.FailureMessage);
    }

    [Fact]
    public void Defaults_with_a_path_are_valid() =>
        Assert.True(new LayerSkipOptionsValidator().Validate(null, new LayerSkipOptions { ModelPath = TestModels.ParserPath }).Succeeded);
}
