using System.Text.Json.Nodes;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Checkpoints.Gguf;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Tests.Checkpoints;
using LayerSkip.Engine.Tests.Tokenization;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Engine.Tokenization.Loading;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests;

/// <summary>From a directory on disk to tokens.</summary>
public class LayerSkipModelTests
{
    private static string ParserDirectory => Path.Combine(SharedData.RepositoryRoot, "models", "topv2-parser");

    [Fact]
    public void The_embedded_parser_loads_and_drafts_by_its_own_defaults()
    {
        var reported = new List<double>();
        using var model = LayerSkipModel.Load(ParserDirectory, progress: new Progress(reported));
        Assert.Equal("topv2-parser", model.Name);
        Assert.Equal(WeightFormat.BF16, model.WeightFormat);
        Assert.StartsWith("cpu (", model.Device, StringComparison.Ordinal);
        Assert.Equal(1, reported[^1]);
        Assert.Equal(reported.Order(), reported);

        var prompt = model.Tokenizer.Encode("<|begin|><|user|> Turn off alarms<|assistant|>");
        using var generation = model.Generate(prompt);
        Assert.Equal((DecodingMode.SelfSpeculative, 2, 16), (generation.Mode, generation.ExitLayer, generation.NumSpeculations));
        while (generation.NextRound())
        {
        }

        Assert.Equal(" [IN:SILENCE_ALARM ]", model.Tokenizer.Decode(generation.Output));
        Assert.Equal(FinishReason.Stop, generation.FinishReason);
    }

    [Fact]
    public void Llama_3_2_1B_decodes_at_its_full_width()
    {
        var published = PublishedConfigs.All.Values.Select(static entry => entry.Config).Single(static config => config.TiedEmbeddings);
        var config = published with { Layers = 2 };
        using var weights = new RandomWeightSource(config, seed: 1, TensorDataType.BF16);
        using var model = LayerSkipModel.FromWeights("llama3.2-1b", config, weights, new() { ExitLayer = 1 });
        int[] prompt = [0, 31, 62, 93, 124];
        var expected = Decode(model, prompt, Models.Autoregressive(12));
        Assert.Equal(12, expected.Length);
        Assert.Equal(expected, Decode(model, prompt, new() { MaxNewTokens = 12 }));
    }

    [Fact]
    public void Loading_refuses_what_it_cannot_run()
    {
        var missing = Assert.Throws<CheckpointException>(() => LayerSkipModel.Load("no-such-model"));
        Assert.Contains("no-such-model", missing.Message, StringComparison.Ordinal);

        void Fails<T>(string message, ModelOptions options)
            where T : ArgumentException =>
            Assert.Contains(message, Assert.Throws<T>(() => LayerSkipModel.Load(ParserDirectory, options)).Message, StringComparison.Ordinal);
        Fails<ArgumentException>("Device is 'tpu', expected one of 'auto', 'cpu'", new() { Device = "tpu" });
        Fails<ArgumentOutOfRangeException>("Threads must lie in 1..1024", new() { Threads = 0 });
        Fails<ArgumentOutOfRangeException>("WeightFormat", new() { WeightFormat = (WeightFormat)7 });
        Fails<ArgumentOutOfRangeException>("Compression", new() { Compression = (WeightCompression)7 });
    }

    [Theory]
    [InlineData(WeightFormat.Auto, 0.7, 0.9)]
    [InlineData(WeightFormat.F32, 0.85, 0.95)]
    public void Weights_are_compressed_where_that_is_asked_for(WeightFormat format, double least, double most)
    {
        using var plain = LayerSkipModel.Load(ParserDirectory, new ModelOptions { WeightFormat = format, Compression = WeightCompression.Never });
        using var compressed = LayerSkipModel.Load(ParserDirectory, new ModelOptions { WeightFormat = format, Compression = WeightCompression.Always });
        Assert.InRange(compressed.WeightBytes / (double)plain.WeightBytes, least, most);
    }

    [Fact]
    public void A_tokenizer_with_more_ids_than_the_model_is_refused()
    {
        using var checkpoint = TinyCheckpoint.Write();
        File.Copy(Path.Combine(ParserDirectory, "tokenizer.json"), checkpoint.PathOf("tokenizer.json"));
        var error = Assert.Throws<CheckpointException>(() => LayerSkipModel.Load(checkpoint.Directory));
        Assert.Contains("tokenizer.json: the tokenizer has the id 2131, but the model's vocab_size is 97; expected every id below it", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Added_tokens_without_a_row_of_the_embedding_are_left_out()
    {
        // As fine-tuning adds a padding token that it never uses.
        using var checkpoint = TinyCheckpoint.Write(TinyCheckpoint.DefaultConfig with { VocabularySize = 2304 });
        File.Copy(Path.Combine(ParserDirectory, "tokenizer.json"), checkpoint.PathOf("tokenizer.json"));
        checkpoint.Edit("tokenizer.json", json => json["added_tokens"]!.AsArray().Add(TestTokenizers.Added(2304, "<pad>", special: true)));
        File.WriteAllText(checkpoint.PathOf("generation_config.json"), """{ "pad_token_id": 2304 }""");

        using var model = LayerSkipModel.Load(checkpoint.Directory);
        Assert.Equal(2304, model.Tokenizer.VocabularySize);
        Assert.Null(model.Defaults.PadId);
        Assert.False(model.Tokenizer.TryGetId("<pad>", out _));
        Assert.Equal("<pad>", model.Tokenizer.Decode(model.Tokenizer.Encode("<pad>")));
        Assert.Equal([2304], Tokenizer.Load(checkpoint.Directory).Encode("<pad>"));

        using var file = new Checkpoints.Gguf.TemporaryFile();
        var writer = new GgufWriter();
        GgufTokenizerWriter.Add(writer, checkpoint.Directory, 2304, new Dictionary<string, string> { ["pad_token"] = "<pad>" }, model.Defaults);
        writer.Write(file.Path);
        Assert.Equal(2304, Tokenizer.Load(file.Path).VocabularySize);

        checkpoint.Edit("tokenizer.json", json => json["post_processor"] = JsonNode.Parse("""
            {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"p"}},{"Sequence":{"id":"A"}}],"special_tokens":{"p":{"ids":[2304]}}}
            """));
        Assert.Contains("has the id 2304", Assert.Throws<CheckpointException>(() => LayerSkipModel.Load(checkpoint.Directory)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Ids_of_a_padded_vocabulary_decode_to_nothing()
    {
        var config = TinyCheckpoint.DefaultConfig with { VocabularySize = 2310 };
        using var checkpoint = TinyCheckpoint.Write(config);
        File.Copy(Path.Combine(ParserDirectory, "tokenizer.json"), checkpoint.PathOf("tokenizer.json"));
        using var model = LayerSkipModel.Load(checkpoint.Directory);
        Assert.Equal(2310, model.Tokenizer.VocabularySize);
        Assert.Equal("a", model.Tokenizer.Decode([2309, 97, 2304]));
        Assert.Throws<ArgumentOutOfRangeException>(() => model.Tokenizer.Decode([2310]));
    }

    [Fact]
    public void Loading_can_be_cancelled()
    {
        using var cancellation = new CancellationTokenSource();
        cancellation.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => LayerSkipModel.Load(ParserDirectory, cancellationToken: cancellation.Token));
    }

    [Fact]
    public void Formats_agree_on_a_bf16_checkpoint()
    {
        using var bf16 = LayerSkipModel.Load(ParserDirectory);
        using var f32 = LayerSkipModel.Load(ParserDirectory, new() { WeightFormat = WeightFormat.F32 });

        // The rows of the head that drafts choose among are kept a second time, in bytes and their scales, and whole panels of 32.
        var draftRows = (bf16.Defaults.DraftVocabulary.Count + 31) / 32 * 32;
        var draftBytes = draftRows * bf16.Config.HiddenSize / 32 * (32 + sizeof(float));
        Assert.Equal(2 * (bf16.WeightBytes - draftBytes), f32.WeightBytes - draftBytes);
        Assert.Equal(bf16.WeightBytes, bf16.BytesRead(0, 12, head: true) + draftBytes);
        var prompt = bf16.Tokenizer.Encode("<|begin|><|user|> set an alarm for 7 am<|assistant|>");
        Assert.Equal(Decode(bf16, prompt, new()), Decode(f32, prompt, new()));
    }

    [Fact]
    public void Auto_keeps_the_precision_of_the_finest_matrix()
    {
        using var bf16 = new RandomWeightSource(TinyCheckpoint.DefaultConfig, 1, TensorDataType.BF16);
        using var mixed = new MixedSource(bf16, new RandomWeightSource(TinyCheckpoint.DefaultConfig, 1, TensorDataType.F32));
        using var allBf16 = LayerSkipModel.FromWeights("bf16", TinyCheckpoint.DefaultConfig, bf16);
        using var oneF32 = LayerSkipModel.FromWeights("mixed", TinyCheckpoint.DefaultConfig, mixed);
        Assert.Equal(WeightFormat.BF16, allBf16.WeightFormat);
        Assert.Equal(WeightFormat.F32, oneF32.WeightFormat);
    }

    private static int[] Decode(LayerSkipModel model, int[] prompt, DecodingOptions options)
    {
        using var generation = model.Generate(prompt, options);
        while (generation.NextRound())
        {
        }

        return generation.Output.ToArray();
    }

    private sealed class MixedSource(WeightSource coarse, WeightSource fine) : WeightSource
    {
        public override bool Contains(string name) => coarse.Contains(name);

        public override WeightTensor GetTensor(string name, params ReadOnlySpan<long> shape) =>
            (name.EndsWith("3.mlp.down_proj.weight", StringComparison.Ordinal) ? fine : coarse).GetTensor(name, shape);

        public override void Dispose() => fine.Dispose();
    }

    private sealed class Progress(List<double> reported) : IProgress<double>
    {
        public void Report(double value) => reported.Add(value);
    }
}
