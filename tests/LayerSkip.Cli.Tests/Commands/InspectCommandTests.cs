using System.Text.Json;
using LayerSkip.Engine;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Tests.Checkpoints;
using LayerSkip.Tests;

namespace LayerSkip.Cli.Tests.Commands;

public class InspectCommandTests
{
    [Fact]
    public void Parser_is_understood()
    {
        var report = Tool.RunJson("inspect", "--model", Tool.ReferenceParser);

        Assert.Equal("llama", report.GetProperty("architecture").GetString());
        Assert.Equal(5_165_760, report.GetProperty("parameters").GetInt64());
        Assert.Equal(12, report.GetProperty("config").GetProperty("num_hidden_layers").GetInt32());
        Assert.Equal(JsonValueKind.Null, report.GetProperty("config").GetProperty("rope_scaling").ValueKind);
        Assert.Equal(110, report.GetProperty("tensors").GetProperty("count").GetInt32());
        Assert.Equal(2 * 5_165_760, report.GetProperty("tensors").GetProperty("formats").GetProperty("BF16").GetInt64());
        Assert.Equal(12, report.GetProperty("tensors").GetProperty("groups").EnumerateArray()
            .Single(group => group.GetProperty("name").GetString() == "model.layers.*.mlp.up_proj.weight").GetProperty("count").GetInt32());
        Assert.Equal("bf16", report.GetProperty("memory").GetProperty("auto").GetString());
        Assert.Equal(6144, report.GetProperty("memory").GetProperty("kv_bytes_per_token").GetInt64());
        Assert.Equal("byte-level-bpe", report.GetProperty("tokenizer").GetProperty("family").GetString());
        Assert.Equal(2304, report.GetProperty("tokenizer").GetProperty("vocab_size").GetInt32());
        Assert.Equal(
            ["<|pad|>", "<|begin|>", "<|user|>", "<|assistant|>", "<|end|>"],
            report.GetProperty("tokenizer").GetProperty("special_tokens").EnumerateArray().Select(token => token.GetProperty("token").GetString()));
        Assert.Equal("tokenizer_config.json", report.GetProperty("chat_template").GetProperty("source").GetString());
        Assert.Equal(2, report.GetProperty("layerskip").GetProperty("exit_layer").GetInt32());
        Assert.Equal([2303], Tool.Ids(report.GetProperty("generation").GetProperty("eos_token_ids")));
    }

    [Fact]
    public void Layers_beyond_those_of_the_configuration_are_counted()
    {
        using var checkpoint = TokenizedCheckpoint.Write();
        var (layers, config) = (TokenizedCheckpoint.Config.Layers, Path.Combine(checkpoint.Directory, "config.json"));
        Assert.Equal(0, Tool.RunJson("inspect", "--model", checkpoint.Directory).GetProperty("tensors").GetProperty("unused").GetInt32());

        var text = File.ReadAllText(config);
        var fewer = text.Replace($"\"num_hidden_layers\": {layers}", $"\"num_hidden_layers\": {layers - 1}", StringComparison.Ordinal);
        Assert.NotEqual(text, fewer);
        File.WriteAllText(config, fewer);

        Assert.Equal(9, Tool.RunJson("inspect", "--model", checkpoint.Directory).GetProperty("tensors").GetProperty("unused").GetInt32());
        Assert.Contains("9 tensors of them not used", Tool.Run("inspect", "--model", checkpoint.Directory).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Tokens_of_a_GGUF_file_are_counted_as_those_of_its_source()
    {
        var file = Path.Combine(Path.GetTempPath(), $"layerskip-{Guid.NewGuid():N}.gguf");
        try
        {
            Assert.Equal(CommandLine.Success, Tool.Run("export", "--model", Tool.Parser, "--gguf", file).ExitCode);
            Assert.Equal((2304, 2132, 172), Counts(Tool.Parser));
            Assert.Equal((2304, 2132, 172), Counts(file));
        }
        finally
        {
            File.Delete(file);
        }

        static (int, int, int) Counts(string path)
        {
            var tokenizer = Tool.RunJson("inspect", "--model", path).GetProperty("tokenizer");
            return (tokenizer.GetProperty("vocab_size").GetInt32(), tokenizer.GetProperty("base_vocab_size").GetInt32(), tokenizer.GetProperty("added_tokens").GetInt32());
        }
    }

    [Fact]
    public void Weight_memory_is_what_loading_takes()
    {
        var memory = Tool.RunJson("inspect", "--model", Tool.Parser).GetProperty("memory");
        foreach (var (format, field) in ((WeightFormat, string)[])
            [
                (WeightFormat.F32, "weight_bytes_f32"), (WeightFormat.BF16, "weight_bytes_bf16"), (WeightFormat.Int8, "weight_bytes_int8"),
                (WeightFormat.Int4, "weight_bytes_int4"), (WeightFormat.Auto, "weight_bytes_auto"),
            ])
        {
            using var model = LayerSkipModel.Load(Tool.Parser, new ModelOptions { WeightFormat = format, Threads = 1 });

            // The device counts matrices alone.
            Assert.InRange(memory.GetProperty(field).GetInt64(), model.WeightBytes, model.WeightBytes * 1.01);
        }
    }

    [Theory]
    [InlineData("f32", WeightFormat.F32, 28)]
    [InlineData("bf16", WeightFormat.BF16, 12)]
    public void Compression_of_a_large_model_is_told_with_the_least_that_it_leaves(string name, WeightFormat format, int bits)
    {
        var field = $"weight_bytes_{name}";
        Assert.Equal(JsonValueKind.Null, Tool.RunJson("inspect", "--model", Tool.Parser).GetProperty("memory").GetProperty($"{field}_compressed").ValueKind);
        Assert.DoesNotContain("compressed", Tool.Run("inspect", "--model", Tool.Parser).Output, StringComparison.Ordinal);

        var config = TinyCheckpoint.DefaultConfig with { VocabularySize = 20_000, HiddenSize = 1024, IntermediateSize = 2048, Layers = 3, HeadDimension = 64, TiedEmbeddings = true };
        using var large = TinyCheckpoint.Write(config, TensorDataType.BF16);
        var memory = Tool.RunJson("inspect", "--model", large.Directory).GetProperty("memory");
        using var weights = new RandomWeightSource(config, seed: 1, TensorDataType.BF16);
        using var model = LayerSkipModel.FromWeights("large", config, weights, null, new ModelOptions { WeightFormat = format, Threads = 1 });

        var least = memory.GetProperty($"{field}_compressed").GetInt64();
        Assert.InRange(least / (double)memory.GetProperty(field).GetInt64(), bits / (bits + 4.0), (bits / (bits + 4.0)) + 0.01);
        Assert.InRange(model.WeightBytes, 0.99 * least, 1.03 * least);
        Assert.Matches($@"weights in {name} .*; the CPU keeps them compressed, without loss, in [0-9.]+ MiB or more", Tool.Run("inspect", "--model", large.Directory).Output);
    }

    [Fact]
    public void Directory_without_tokenizer_and_template_says_so()
    {
        using var checkpoint = TinyCheckpoint.Write();

        var report = Tool.RunJson("inspect", "--model", checkpoint.Directory);
        Assert.Equal(JsonValueKind.Null, report.GetProperty("tokenizer").ValueKind);
        Assert.Equal(JsonValueKind.Null, report.GetProperty("chat_template").ValueKind);
        Assert.Equal(JsonValueKind.Null, report.GetProperty("layerskip").ValueKind);

        var text = Tool.Run("inspect", "--model", checkpoint.Directory).Output;
        Assert.Matches("tokenizer +none", text);
        Assert.Matches("chat template +none", text);
        Assert.Contains("none declared; decodes autoregressively unless asked", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Tokenizer_and_template_that_cannot_be_read_are_told_with_the_reason_and_the_rest_is_printed()
    {
        using var checkpoint = TokenizedCheckpoint.Write();
        checkpoint.Edit("tokenizer.json", json => json["model"]!["type"] = "Unigram");
        checkpoint.Edit("tokenizer_config.json", json => json["chat_template"] = "{% if %}");

        var report = Tool.RunJson("inspect", "--model", checkpoint.Directory);
        Assert.Equal((JsonValueKind.Null, JsonValueKind.Null), (report.GetProperty("tokenizer").ValueKind, report.GetProperty("chat_template").ValueKind));
        Assert.Contains("Unigram", report.GetProperty("tokenizer_error").GetString(), StringComparison.Ordinal);
        Assert.Contains("chat_template", report.GetProperty("chat_template_error").GetString(), StringComparison.Ordinal);
        Assert.Equal(TokenizedCheckpoint.Config.Layers, report.GetProperty("config").GetProperty("num_hidden_layers").GetInt32());

        var result = Tool.Run("inspect", "--model", checkpoint.Directory);
        Assert.Equal((CommandLine.Success, ""), (result.ExitCode, result.Error));
        Assert.Matches("tokenizer +cannot be read: ", result.Output);
        Assert.Matches("chat template +cannot be read: ", result.Output);

        var whole = Tool.RunJson("inspect", "--model", Tool.Parser);
        Assert.Equal((JsonValueKind.Null, JsonValueKind.Null), (whole.GetProperty("tokenizer_error").ValueKind, whole.GetProperty("chat_template_error").ValueKind));
    }

    [Fact]
    public void All_that_is_declared_about_drafts_is_shown()
    {
        using var checkpoint = TinyCheckpoint.Write();
        File.WriteAllText(
            Path.Combine(checkpoint.Directory, "generation_config.json"),
            """{"layerskip": {"draft_controller": "confidence", "draft_threshold": 0.5, "draft_source": "combined", "draft_weights": "int8"}}""");

        Assert.Matches("layerskip +draft_controller confidence, draft_threshold 0.5, draft_source combined, draft_weights int8\n", Tool.Run("inspect", "--model", checkpoint.Directory).Output);
        var declared = Tool.RunJson("inspect", "--model", checkpoint.Directory).GetProperty("layerskip");
        Assert.Equal(("confidence", 0.5), (declared.GetProperty("draft_controller").GetString(), declared.GetProperty("draft_threshold").GetDouble()));
        Assert.Equal(JsonValueKind.Null, declared.GetProperty("exit_layer").ValueKind);
    }

    [Fact]
    public void Parameters_equal_the_tensors_elements_for_every_kind_of_model()
    {
        ModelConfig[] configs =
        [
            TinyCheckpoint.DefaultConfig,
            TinyCheckpoint.DefaultConfig with { TiedEmbeddings = true },
            TinyCheckpoint.DefaultConfig with { AttentionBias = true },
            TinyCheckpoint.DefaultConfig with { MlpBias = true },
        ];
        foreach (var config in configs)
        {
            using var checkpoint = TinyCheckpoint.Write(config, shards: 3);

            var report = Tool.RunJson("inspect", "--model", checkpoint.Directory);

            Assert.Equal(report.GetProperty("tensors").GetProperty("bytes").GetInt64(), sizeof(float) * report.GetProperty("parameters").GetInt64());
            Assert.Equal(3, report.GetProperty("tensors").GetProperty("files").GetArrayLength());
        }
    }

    [Theory]
    [MemberData(nameof(PublishedConfigs.Names), MemberType = typeof(PublishedConfigs))]
    public void Published_configurations_are_printed_with_their_scaling(string name)
    {
        var config = PublishedConfigs.All[name].Config with { Layers = 2, HiddenSize = 64, IntermediateSize = 64, HeadDimension = 2, VocabularySize = 100 };
        using var checkpoint = TinyCheckpoint.Write(config, TensorDataType.BF16);

        var report = Tool.RunJson("inspect", "--model", checkpoint.Directory).GetProperty("config");

        Assert.Equal(config.RopeTheta, report.GetProperty("rope_theta").GetSingle());
        Assert.Equal(config.TiedEmbeddings, report.GetProperty("tie_word_embeddings").GetBoolean());
        if (config.RopeScaling.Kind == RopeScalingKind.Llama3)
        {
            Assert.Equal("llama3", report.GetProperty("rope_scaling").GetProperty("rope_type").GetString());
            Assert.Equal(config.RopeScaling.Factor, report.GetProperty("rope_scaling").GetProperty("factor").GetSingle());
        }
    }

    [Fact]
    public void Text_is_plain_and_short()
    {
        var result = Tool.Run("inspect", "--model", Tool.Parser);

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.DoesNotContain('\u001b', result.Output);
        Assert.InRange(result.Output.Split('\n').Length, 20, 80);
        Assert.Contains("exit_layer 2, num_speculations 12", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Context_that_ends_at_a_sliding_window_is_told()
    {
        using var checkpoint = TinyCheckpoint.Write(TinyCheckpoint.DefaultConfig with { ModelType = "mistral" });
        Assert.Equal(JsonValueKind.Null, Tool.RunJson("inspect", "--model", checkpoint.Directory).GetProperty("config").GetProperty("sliding_window").ValueKind);

        checkpoint.Edit("config.json", json => json["sliding_window"] = 32);

        var config = Tool.RunJson("inspect", "--model", checkpoint.Directory).GetProperty("config");
        Assert.Equal((32, 32), (config.GetProperty("sliding_window").GetInt32(), config.GetProperty("max_position_embeddings").GetInt32()));
        Assert.Matches(@"max_position_embeddings +32 \(the sliding window: longer contexts are not run\)", Tool.Run("inspect", "--model", checkpoint.Directory).Output);
    }

    [Fact]
    public void Shared_checkpoint_is_understood()
    {
        var report = Tool.RunJson("inspect", "--model", SharedData.Require("stories260K"));

        Assert.Equal("sentencepiece-bpe", report.GetProperty("tokenizer").GetProperty("family").GetString());
    }
}
