using System.Text;
using System.Text.Json.Nodes;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Tests.Checkpoints;

public class ModelConfigReaderTests
{
    private const string Minimal =
        """
        { "model_type": "llama", "vocab_size": 97, "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 4, "num_attention_heads": 6 }
        """;

    [Theory]
    [MemberData(nameof(PublishedConfigs.Names), MemberType = typeof(PublishedConfigs))]
    public void Published_checkpoint_is_read_exactly(string name)
    {
        var (json, expected) = PublishedConfigs.All[name];
        Assert.Equal(expected, Read(json));
    }

    [Fact]
    public void Absent_fields_take_the_defaults_of_Hugging_Face()
    {
        Assert.Equal(
            new ModelConfig
            {
                VocabularySize = 97,
                HiddenSize = 48,
                IntermediateSize = 80,
                Layers = 4,
                AttentionHeads = 6,
                KeyValueHeads = 6,
                HeadDimension = 8,
                MaxPositions = 2048,
                RmsNormEpsilon = 1e-6f,
                RopeTheta = 10_000,
            },
            Read(Minimal));
    }

    [Fact]
    public void Null_counts_as_absent() => Assert.Equal(
        Read(Minimal),
        Read(With("num_key_value_heads", "null", "head_dim", "null", "rope_scaling", "null", "rope_theta", "null", "quantization_config", "null")));

    [Fact]
    public void Whole_floats_count_as_integers() => Assert.Equal(97, Read(With("vocab_size", "97.0")).VocabularySize);

    [Fact]
    public void Integers_count_as_floats() => Assert.Equal(1_000_000f, Read(With("rope_theta", "1000000")).RopeTheta);

    [Fact]
    public void Head_dimension_need_not_divide_the_hidden_size() => Assert.Equal(10, Read(With("head_dim", "10")).HeadDimension);

    [Fact]
    public void Model_type_may_be_known_from_the_architecture_alone() =>
        Assert.Equal("llama", Read(With("model_type", "null", "architectures", """["LlamaForCausalLM"]""")).ModelType);

    [Theory]
    [InlineData("rope_scaling", """{ "rope_type": "default" }""", RopeScalingKind.None, 1)]
    [InlineData("rope_scaling", """{ "type": "linear", "factor": 4 }""", RopeScalingKind.Linear, 4)]
    [InlineData("rope_scaling", """{ "type": "linear", "rope_type": "linear", "factor": 2.5 }""", RopeScalingKind.Linear, 2.5f)]
    [InlineData("rope_parameters", """{ "rope_theta": 10000.0 }""", RopeScalingKind.None, 1)]
    [InlineData("rope_parameters", """{ "rope_type": "linear", "factor": 8.0 }""", RopeScalingKind.Linear, 8)]
    public void Rope_scaling_is_read_in_every_spelling(string field, string section, RopeScalingKind kind, float factor) =>
        Assert.Equal(new RopeScaling(kind, factor), Read(With(field, section)).RopeScaling);

    [Fact]
    public void Newer_spelling_holds_the_theta_too()
    {
        var config = Read(With(
            "rope_parameters",
            """{ "rope_type": "llama3", "rope_theta": 500000.0, "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 8192 }"""));
        Assert.Equal(500_000, config.RopeTheta);
        Assert.Equal(new RopeScaling(RopeScalingKind.Llama3, 8, 1, 4, 8192), config.RopeScaling);
    }

    [Fact]
    public void Mistral_without_a_window_is_Llamas_shape()
    {
        var config = Read(Mistral("null"));
        Assert.Equal("mistral", config.ModelType);
        Assert.Equal(2, config.KeyValueHeads);
    }

    [Theory]
    [InlineData("1024", 1024, 1024)]
    [InlineData("4096", 4096, null)]
    [InlineData("5000", 4096, null)]
    [InlineData("null", 4096, null)]
    public void Mistral_runs_up_to_its_window(string window, int positions, int? kept)
    {
        var config = Read(Mistral(window));
        Assert.Equal((positions, kept), (config.MaxPositions, config.SlidingWindow));
    }

    [Fact]
    public void Mistrals_window_is_4096_where_the_field_is_absent()
    {
        var longer = Read(Mistral(null).Replace("4096", "32768", StringComparison.Ordinal));
        Assert.Equal((4096, 4096), (longer.MaxPositions, longer.SlidingWindow));
        Assert.Null(Read(Mistral(null)).SlidingWindow);
    }

    [Fact]
    public void Windows_that_are_none_are_refused() =>
        AssertRefused(Mistral("0"), "config.json: sliding_window is 0, expected an integer from 1 to 2147483647");

    [Theory]
    [InlineData("model_type", "\"gpt_neox\"", "config.json: model_type is 'gpt_neox', expected 'llama' or 'mistral'")]
    [InlineData("model_type", "7", "config.json: model_type is 7, expected a string")]
    [InlineData("model_type", "null", "config.json: model_type is missing, expected 'llama' or 'mistral'")]
    [InlineData("architectures", "[\"LlamaForSequenceClassification\"]", "config.json: architectures is [\"LlamaForSequenceClassification\"], expected [\"LlamaForCausalLM\"]")]
    [InlineData("architectures", "\"LlamaForCausalLM\"", "config.json: architectures is 'LlamaForCausalLM', expected an array of strings")]
    [InlineData("vocab_size", "null", "config.json: vocab_size is missing, expected an integer from 1 to 16777216")]
    [InlineData("vocab_size", "\"97\"", "config.json: vocab_size is '97', expected an integer from 1 to 16777216")]
    [InlineData("vocab_size", "0", "vocab_size is 0")]
    [InlineData("vocab_size", "97.5", "vocab_size is 97.5")]
    [InlineData("vocab_size", "1e300", "vocab_size is 1e300")]
    [InlineData("vocab_size", "99999999999999999999999999", "vocab_size is 99999999999999999999999999")]
    [InlineData("hidden_size", "-48", "hidden_size is -48, expected an integer from 1 to 1048576")]
    [InlineData("hidden_size", "50", "hidden_size is 50, expected a multiple of num_attention_heads, which is 6")]
    [InlineData("hidden_size", "54", "hidden_size is 54, expected an even multiple of num_attention_heads")]
    [InlineData("hidden_size", "[48]", "hidden_size is [48]")]
    [InlineData("intermediate_size", "1048577", "intermediate_size is 1048577")]
    [InlineData("num_hidden_layers", "10001", "num_hidden_layers is 10001, expected an integer from 1 to 10000")]
    [InlineData("num_hidden_layers", "true", "num_hidden_layers is true")]
    [InlineData("num_attention_heads", "{}", "num_attention_heads is an object")]
    [InlineData("num_key_value_heads", "4", "num_key_value_heads is 4, expected a divisor of num_attention_heads, which is 6")]
    [InlineData("num_key_value_heads", "0", "num_key_value_heads is 0")]
    [InlineData("head_dim", "9", "head_dim is 9, expected an even number")]
    [InlineData("head_dim", "1", "head_dim is 1, expected an integer from 2")]
    [InlineData("head_dim", "1048576", "head_dim is 1048576, expected at most 1048576 / num_attention_heads")]
    [InlineData("max_position_embeddings", "0", "max_position_embeddings is 0")]
    [InlineData("hidden_act", "\"gelu\"", "hidden_act is 'gelu', expected 'silu'")]
    [InlineData("rms_norm_eps", "0", "rms_norm_eps is 0, expected a positive number")]
    [InlineData("rms_norm_eps", "-1e-5", "rms_norm_eps is -1e-5")]
    [InlineData("rms_norm_eps", "1e-60", "rms_norm_eps is 1e-60")]
    [InlineData("rms_norm_eps", "1e60", "rms_norm_eps is 1e60")]
    [InlineData("rope_theta", "\"1e4\"", "rope_theta is '1e4', expected a positive number")]
    [InlineData("tie_word_embeddings", "1", "tie_word_embeddings is 1, expected true or false")]
    [InlineData("attention_bias", "\"no\"", "attention_bias is 'no', expected true or false")]
    [InlineData("partial_rotary_factor", "0.5", "partial_rotary_factor is 0.5, expected 1")]
    [InlineData("quantization_config", "{ \"quant_method\": \"gptq\" }", "quantization_config is an object, expected none")]
    [InlineData("rope_scaling", "\"linear\"", "rope_scaling is 'linear', expected an object")]
    [InlineData("rope_scaling", "{}", "rope_scaling.rope_type is missing, expected 'default', 'linear' or 'llama3'")]
    [InlineData("rope_scaling", "{ \"type\": \"dynamic\", \"factor\": 2 }", "rope_scaling.type is 'dynamic', expected 'default', 'linear' or 'llama3'")]
    [InlineData("rope_scaling", "{ \"rope_type\": \"yarn\", \"factor\": 2 }", "rope_scaling.rope_type is 'yarn'")]
    [InlineData("rope_scaling", "{ \"type\": \"linear\" }", "rope_scaling.factor is missing, expected a number of at least 1")]
    [InlineData("rope_scaling", "{ \"type\": \"linear\", \"factor\": 0.5 }", "rope_scaling.factor is 0.5")]
    [InlineData("rope_scaling", "{ \"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 4, \"high_freq_factor\": 4, \"original_max_position_embeddings\": 8192 }", "rope_scaling.high_freq_factor is 4, expected a number greater than low_freq_factor, which is 4")]
    [InlineData("rope_scaling", "{ \"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 1, \"high_freq_factor\": 4 }", "rope_scaling.original_max_position_embeddings is missing")]
    [InlineData("rope_parameters", "{ \"rope_theta\": -1 }", "rope_parameters.rope_theta is -1")]
    public void Bad_field_is_refused_by_name(string field, string value, string message) => AssertRefused(With(field, value), message);

    [Theory]
    [InlineData("", "config.json: line 1, byte 1: not valid JSON")]
    [InlineData("[]", "config.json: is [], expected a JSON object")]
    [InlineData("{\n  \"vocab_size\": 97,\n  \"hidden_size\" 48\n}", "config.json: line 3, byte 17: not valid JSON")]
    [InlineData("{ \"vocab_size\": 1, \"vocab_size\": 2 }", "config.json: not valid JSON: Duplicate property 'vocab_size'")]
    [InlineData("{ \"\\ud800\": 1 }", "config.json: ")]
    [InlineData("{ \"model_type\": \"\\ud800\" }", "config.json: model_type is '\\ud800', expected a string")]
    public void Text_that_is_not_JSON_is_refused_with_its_position(string json, string message) => AssertRefused(json, message);

    [Fact]
    public void Deep_nesting_is_refused() =>
        AssertRefused("{ \"x\": " + new string('[', 1_000_000) + new string(']', 1_000_000) + "}", "config.json: line 1, byte ");

    [Fact]
    public void Bytes_that_are_not_UTF8_are_refused()
    {
        var error = Assert.Throws<CheckpointException>(() => JsonSection.Parse("config.json", [(byte)'{', (byte)'"', 0xff, (byte)'"', (byte)'}']));
        Assert.Contains("config.json: is not valid UTF-8", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Found_text_is_cut_and_cleared_of_control_characters_in_errors()
    {
        var error = Refusal(With("model_type", $"\"{new string('x', 1_000_000)}\""));
        Assert.InRange(error.Message.Length, 1, 200);
        Assert.DoesNotContain(ErrorText.Quote("\u001b[2J"), char.IsControl);
    }

    private static ModelConfig Read(string json) => ModelConfigReader.Read(JsonSection.Parse("config.json", Encoding.UTF8.GetBytes(json)));

    private static CheckpointException Refusal(string json) => Assert.Throws<CheckpointException>(() => Read(json));

    private static void AssertRefused(string json, string message) =>
        Assert.StartsWith(message.StartsWith("config.json", StringComparison.Ordinal) ? message : $"config.json: {message}", Refusal(json).Message, StringComparison.Ordinal);

    private static string Mistral(string? window)
    {
        var json = With("model_type", "\"mistral\"", "num_key_value_heads", "2", "max_position_embeddings", "4096");
        return window is null ? json : json.Replace("{", $$"""{ "sliding_window": {{window}},""", StringComparison.Ordinal);
    }

    /// <summary>The minimal file with the given fields replaced or added, each value as JSON.</summary>
    private static string With(params string[] fieldsAndValues)
    {
        var json = JsonNode.Parse(Minimal)!.AsObject();
        var raw = new Dictionary<string, string>();
        foreach (var pair in fieldsAndValues.Chunk(2))
        {
            json.Remove(pair[0]);
            raw.Add(pair[0], pair[1]);
        }

        // Joined as text, because a JsonNode would normalise numbers and strings on the way.
        var fields = json.Select(field => $"\"{field.Key}\": {field.Value!.ToJsonString()}").Concat(raw.Select(field => $"\"{field.Key}\": {field.Value}"));
        return $"{{ {string.Join(", ", fields)} }}";
    }
}
