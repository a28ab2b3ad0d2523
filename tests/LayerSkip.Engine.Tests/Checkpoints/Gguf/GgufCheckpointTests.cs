using System.Text;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Checkpoints.Gguf;
using LayerSkip.Engine.Decoding;

namespace LayerSkip.Engine.Tests.Checkpoints.Gguf;

public class GgufCheckpointTests
{
    private static readonly byte[] s_whole = TinyGguf.Bytes(generation: new GenerationDefaults { ExitLayer = 1 });

    [Fact]
    public void Random_models_come_back_as_they_were_written()
    {
        var random = new Random(23);
        for (var trial = 0; trial < 30; trial++)
        {
            var config = Models.RandomConfig(random) with
            {
                RmsNormEpsilon = random.NextSingle(),
                RopeTheta = 1 + (100_000 * random.NextSingle()),
                ModelType = random.Next(4) == 0 ? "mistral" : "llama",
                RopeScaling = random.Next(3) switch
                {
                    0 => new RopeScaling(RopeScalingKind.None),
                    1 => new RopeScaling(RopeScalingKind.Linear, 1 + random.NextSingle()),
                    _ => new RopeScaling(RopeScalingKind.Llama3, 8, 1 + random.NextSingle(), 4, random.Next(64, 10_000)),
                },
            };
            var generation = RandomDefaults(random, config);
            using var file = new TemporaryFile();
            TinyGguf.Write(file.Path, config, GgufTensorType.F32, generation);

            using var checkpoint = Checkpoint.Open(file.Path);
            if (config.RopeScaling.Kind == RopeScalingKind.Llama3 && checkpoint.Config.RopeScaling.Kind == RopeScalingKind.None)
            {
                // All divisors are 1: no frequency is low enough.
                config = config with { RopeScaling = new RopeScaling(RopeScalingKind.None) };
            }

            Assert.Equal(config, checkpoint.Config);
            AssertEqual(generation, checkpoint.Generation);
            using var weights = new RandomWeightSource(config, seed: 3, TensorDataType.F32);
            foreach (var tensor in LlamaTensors.Of(config))
            {
                AssertEqual(weights.GetTensor(tensor.Name, tensor.Shape), checkpoint.Weights.GetTensor(tensor.Name, tensor.Shape));
            }
        }
    }

    [Theory]
    [InlineData("F16", "F32")]
    [InlineData("BF16", "BF16")]
    [InlineData("Q8_0", "Int8")]
    [InlineData("Q4_0", "Int4")]
    public void Every_type_that_is_written_decodes_in_its_own_format(string name, string format)
    {
        using var file = new TemporaryFile();
        TinyGguf.Write(file.Path, TinyGguf.Config, Enum.Parse<GgufTensorType>(name));
        using var model = LayerSkipModel.Load(file.Path, new ModelOptions { Threads = 1 });

        Assert.Equal("model", model.Name);
        Assert.Equal(format, model.WeightFormat.ToString());
        var expected = Decode(model, new DecodingOptions { Mode = DecodingMode.Autoregressive, MaxNewTokens = 24 });
        Assert.Equal(expected, Decode(model, new DecodingOptions { Mode = DecodingMode.SelfSpeculative, ExitLayer = 1, NumSpeculations = 3, MaxNewTokens = 24 }));
    }

    [Fact]
    public void A_file_answers_as_the_weights_do_that_it_was_written_from()
    {
        var config = LayerSkip.Tests.TinyCheckpoint.DefaultConfig;
        using var file = new TemporaryFile();
        TinyGguf.Write(file.Path, config);
        using var written = Checkpoint.Open(file.Path);
        using var ours = LayerSkipModel.FromWeights("file", written.Config, written.Weights);
        using var weights = new RandomWeightSource(config, seed: 3, TensorDataType.F32);
        using var theirs = LayerSkipModel.FromWeights("source", config, weights);

        var options = new DecodingOptions { Mode = DecodingMode.Autoregressive, MaxNewTokens = 40 };
        Assert.Equal(Decode(theirs, options), Decode(ours, options));
    }

    [Theory]
    [InlineData("Q8_0")]
    [InlineData("Q4_0")]
    public void Blocks_are_handed_out_as_they_are_stored_and_survive_another_export(string name)
    {
        var type = Enum.Parse<GgufTensorType>(name);
        using var first = new TemporaryFile(TinyGguf.Bytes(type: type));
        using var checkpoint = Checkpoint.Open(first.Path);
        Assert.Equal(type, GgufExport.TypeOf(checkpoint));
        using var second = new TemporaryFile();
        GgufExport.Write(second.Path, "tiny", checkpoint.Config, checkpoint.Generation, checkpoint.Weights, type, _ => { });
        using var again = Checkpoint.Open(second.Path);
        foreach (var expected in LlamaTensors.Of(checkpoint.Config).Where(tensor => tensor.Role == TensorRole.Matrix))
        {
            var tensor = checkpoint.Weights.GetTensor(expected.Name, expected.Shape);
            AssertEqual(tensor, again.Weights.GetTensor(expected.Name, expected.Shape));
            var (values, scales) = (new sbyte[tensor.Columns], new float[WeightBlocks.Count(tensor.Columns)]);
            var (widened, row) = (new float[tensor.Columns], new float[tensor.Columns]);
            for (var i = 0; i < tensor.Rows; i++)
            {
                tensor.ReadBlocks(i, values, scales);
                tensor.ReadRow(i, row);
                WeightBlocks.Dequantize(values, scales, widened);
                Assert.Equal(row, widened);
            }
        }
    }

    [Theory]
    [InlineData(-1, 32, 1)]
    [InlineData(32, 32, 1)]
    [InlineData(0, 31, 1)]
    [InlineData(0, 64, 1)]
    [InlineData(0, 32, 0)]
    [InlineData(0, 32, 2)]
    public void Blocks_outside_a_tensor_are_refused(int row, int values, int scales)
    {
        using var file = new TemporaryFile(TinyGguf.Bytes(type: GgufTensorType.Q8_0));
        using var checkpoint = Checkpoint.Open(file.Path);
        var tensor = checkpoint.Weights.GetTensor("model.layers.1.mlp.down_proj.weight", 32, 32);
        Assert.ThrowsAny<ArgumentException>(() => tensor.ReadBlocks(row, new sbyte[values], new float[scales]));
        tensor.ReadBlocks(0, new sbyte[32], new float[1]);
    }

    [Fact]
    public void Tensors_without_blocks_say_so()
    {
        using var file = new TemporaryFile(TinyGguf.Bytes(type: GgufTensorType.F16));
        using var checkpoint = Checkpoint.Open(file.Path);
        var tensor = checkpoint.Weights.GetTensor("model.layers.1.mlp.down_proj.weight", 32, 32);
        Assert.Contains("F16, which has no blocks", Assert.Throws<NotSupportedException>(() => tensor.ReadBlocks(0, new sbyte[32], new float[1])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("general.architecture", "qwen2", "expected 'llama': Llama 1 to 3.3, Mistral, SmolLM, TinyLlama and others")]
    [InlineData("general.type", "mmpro", "expected 'model'")]
    public void Other_models_are_refused_with_what_is_run(string key, string value, string expected)
    {
        var message = TinyGguf.Refusal(TinyGguf.SetValue(s_whole, key, [8, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, .. Encoding.ASCII.GetBytes(value)]));
        Assert.Contains($"key {key} is '{value}', {expected}", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("llama.block_count", 0u, "key llama.block_count is 0, expected an integer from 1 to 10000")]
    [InlineData("llama.block_count", 1u, "key layerskip.exit_layer is 1, expected none: the model has one layer")]
    [InlineData("llama.block_count", 3u, "tensor 'blk.2.attn_norm.weight' is missing; closest names: 'blk.0.attn_norm.weight'")]
    [InlineData("llama.attention.head_count_kv", 3u, "is 3, expected a divisor of llama.attention.head_count, which is 4")]
    [InlineData("llama.attention.key_length", 7u, "key llama.attention.key_length is 7, expected an even number")]
    [InlineData("llama.attention.value_length", 16u, "is 16, expected 8, the width of a head")]
    [InlineData("llama.rope.dimension_count", 4u, "is 4, expected 8, the width of a head")]
    [InlineData("llama.embedding_length", 64u, "tensor 'token_embd.weight' has shape [300, 32], expected 1 to 16777216 rows of 64")]
    [InlineData("llama.feed_forward_length", 64u, "tensor 'blk.0.ffn_gate.weight' has shape [32, 32], expected [64, 32]")]
    [InlineData("llama.vocab_size", 299u, "is 299, expected 300, the rows of token_embd.weight")]
    [InlineData("layerskip.exit_layer", 2u, "key layerskip.exit_layer is 2, expected an integer from 1 to 1")]
    [InlineData("layerskip.exit_layer", 0u, "key layerskip.exit_layer is 0, expected an integer from 1 to 1")]
    public void Keys_that_do_not_fit_are_named(string key, uint number, string message) =>
        Assert.Contains(message, TinyGguf.Refusal(TinyGguf.SetValue(s_whole, key, [4, 0, 0, 0, .. BitConverter.GetBytes(number)])), StringComparison.Ordinal);

    [Theory]
    [InlineData(0, 64, null)]
    [InlineData(16, 16, 16)]
    [InlineData(64, 64, null)]
    public void Contexts_are_not_run_beyond_a_sliding_window(int window, int positions, int? kept)
    {
        using var file = new TemporaryFile();
        using (var weights = new RandomWeightSource(TinyGguf.Config, seed: 3, TensorDataType.F32))
        {
            GgufExport.Write(
                file.Path, "tiny", TinyGguf.Config, new GenerationDefaults(), weights, GgufTensorType.F32, writer => writer.Add(GgufKeys.SlidingWindow, window));
        }

        using var checkpoint = Checkpoint.Open(file.Path);
        Assert.Equal((positions, kept), (checkpoint.Config.MaxPositions, checkpoint.Config.SlidingWindow));

        // Written again, the file says both as it was.
        using var again = new TemporaryFile();
        GgufExport.Write(again.Path, "tiny", checkpoint.Config, checkpoint.Generation, checkpoint.Weights, GgufTensorType.F32, static _ => { });
        using var same = Checkpoint.Open(again.Path);
        Assert.Equal(checkpoint.Config, same.Config);
    }

    [Theory]
    [InlineData(2, 0, RopeScalingKind.Linear, 2)]
    [InlineData(0, 3, RopeScalingKind.Linear, 3)]
    [InlineData(0, 0, RopeScalingKind.None, 1)]
    public void Linear_scaling_is_that_of_either_key_and_0_is_none(float factor, float older, RopeScalingKind kind, float expected)
    {
        using var file = new TemporaryFile();
        using (var weights = new RandomWeightSource(TinyGguf.Config, seed: 3, TensorDataType.F32))
        {
            GgufExport.Write(
                file.Path, "tiny", TinyGguf.Config with { RopeScaling = new(RopeScalingKind.Linear, 8) }, new GenerationDefaults(), weights, GgufTensorType.F32, writer =>
                {
                    TinyGguf.AddTokenizer(writer, TinyGguf.Config.VocabularySize);
                    writer.Add(GgufKeys.RopeScaleLinear, older);
                });
        }

        using var changed = new TemporaryFile(TinyGguf.SetValue(File.ReadAllBytes(file.Path), GgufKeys.RopeScalingFactor, [6, 0, 0, 0, .. BitConverter.GetBytes(factor)]));
        using var checkpoint = Checkpoint.Open(changed.Path);
        Assert.Equal((kind, expected), (checkpoint.Config.RopeScaling.Kind, checkpoint.Config.RopeScaling.Factor));
    }

    [Fact]
    public void Llama_3s_scaling_is_that_of_its_divisors_where_the_key_has_the_context_of_today()
    {
        using var file = new TemporaryFile();
        var rule = new RopeScaling(RopeScalingKind.Llama3, 8);
        using (var weights = new RandomWeightSource(TinyGguf.Config, seed: 3, TensorDataType.F32))
        {
            GgufExport.Write(
                file.Path, "tiny", TinyGguf.Config with { RopeScaling = rule }, new GenerationDefaults(), weights, GgufTensorType.F32,
                writer => TinyGguf.AddTokenizer(writer, TinyGguf.Config.VocabularySize));
        }

        using var changed = new TemporaryFile(TinyGguf.SetValue(File.ReadAllBytes(file.Path), GgufKeys.RopeOriginalContext, [4, 0, 0, 0, .. BitConverter.GetBytes(131_072)]));
        using var checkpoint = Checkpoint.Open(changed.Path);
        Assert.Equal(rule, checkpoint.Config.RopeScaling);
    }

    [Fact]
    public void A_choice_that_is_none_is_told_with_those_there_are()
    {
        var bytes = TinyGguf.Bytes(generation: new GenerationDefaults { ExitLayer = 1, DraftController = DraftController.Fsm });
        byte[] fsn = [8, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, .. "fsn"u8];
        Assert.Contains("key layerskip.draft_controller is 'fsn', expected one of ", TinyGguf.Refusal(TinyGguf.SetValue(bytes, "layerskip.draft_controller", fsn)), StringComparison.Ordinal);
        bytes = TinyGguf.Bytes(generation: new GenerationDefaults { ExitLayer = 1, DraftController = DraftController.Auto });
        byte[] array = [9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        Assert.Contains("key layerskip.draft_controller is an array of 0 UInt8, expected one of", TinyGguf.Refusal(TinyGguf.SetValue(bytes, "layerskip.draft_controller", array)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("llama.context_length", "llama.context_lengtX", "key llama.context_length is missing, expected an integer from 1")]
    [InlineData("blk.1.ffn_up.weight", "blk.1.ffn_uq.weight", "tensor 'blk.1.ffn_uq.weight' is none of a model of architecture 'llama' with 2 layers")]
    public void Names_that_are_not_known_or_missing_are_told(string before, string after, string message) =>
        Assert.Contains(message, TinyGguf.Refusal(TinyGguf.Replace(s_whole, before, after)), StringComparison.Ordinal);

    [Fact]
    public void A_type_that_is_not_read_is_named()
    {
        // The type stands behind name, number of dimensions and dimensions.
        var changed = s_whole.ToArray();
        var name = "blk.0.attn_output.weight"u8;
        changed[changed.AsSpan().IndexOf(name) + name.Length + 4 + 16] = 20;
        Assert.Contains(
            "tensor 'blk.0.attn_output.weight' has type IQ4_NL, expected F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K or Q6_K", TinyGguf.Refusal(changed), StringComparison.Ordinal);
    }

    [Fact]
    public void A_scale_that_is_no_number_is_told_when_the_weights_are_read()
    {
        var bytes = TinyGguf.Bytes(type: GgufTensorType.Q8_0);
        using var file = new TemporaryFile(bytes);
        long offset;
        using (var opened = GgufFile.Open(file.Path))
        {
            offset = opened.Header.Tensors.Single(tensor => tensor.Name == "blk.1.ffn_down.weight").Offset;
        }

        bytes[offset + (5 * 34) + 1] = 0x7e;
        File.WriteAllBytes(file.Path, bytes);
        var error = Assert.Throws<CheckpointException>(() => LayerSkipModel.Load(file.Path));
        Assert.Contains("tensor 'blk.1.ffn_down.weight': the scale of block 0 of row 5 is infinite or NaN", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_that_do_not_fit_leave_an_earlier_file_alone()
    {
        using var file = new TemporaryFile("before"u8.ToArray());
        using var weights = new Overflowing(TinyGguf.Config);
        var error = Assert.Throws<CheckpointException>(
            () => GgufExport.Write(file.Path, "x", TinyGguf.Config, new GenerationDefaults(), weights, GgufTensorType.F16, _ => { }));
        Assert.Contains("tensor 'token_embd.weight', row 0: a number is infinite, NaN or too large for F16", error.Message, StringComparison.Ordinal);
        Assert.Equal("before", File.ReadAllText(file.Path));
        Assert.Single(Directory.GetFiles(Path.GetDirectoryName(file.Path)!));
    }

    private static int[] Decode(LayerSkipModel model, DecodingOptions options)
    {
        using var generation = model.Generate([1, 2, 3, 4], options);
        while (generation.NextRound())
        {
        }

        return generation.Output.ToArray();
    }

    private static GenerationDefaults RandomDefaults(Random random, ModelConfig config)
    {
        DraftWeights? weights = random.Next(2) == 0 ? null : Models.SomeDraftWeights(random);
        return new()
        {
            EndOfSequenceIds = [.. Enumerable.Range(0, random.Next(3)).Select(_ => random.Next(config.VocabularySize)).Distinct()],
            Sample = random.Next(3) switch { 0 => null, 1 => true, _ => false },
            Temperature = random.Next(2) == 0 ? null : random.NextSingle(),
            TopK = random.Next(2) == 0 ? null : random.Next(100),
            TopP = random.Next(2) == 0 ? null : random.NextSingle(),
            MaxNewTokens = random.Next(2) == 0 ? null : random.Next(1, 100),
            ExitLayer = random.Next(2) == 0 ? null : random.Next(1, DecodingPlan.LastExit(config.Layers, weights) + 1),
            NumSpeculations = random.Next(2) == 0 ? null : random.Next(0, 4),
            DraftController = random.Next(2) == 0 ? null : Enum.GetValues<DraftController>()[random.Next(Enum.GetValues<DraftController>().Length)],
            DraftThreshold = random.Next(2) == 0 ? null : random.NextSingle(),
            DraftWeights = weights,
            DraftSource = random.Next(2) == 0 ? null : Enum.GetValues<DraftSource>()[random.Next(Enum.GetValues<DraftSource>().Length)],
            DraftVocabulary = [.. Enumerable.Range(0, random.Next(5)).Select(_ => random.Next(config.VocabularySize)).Distinct()],
        };
    }

    private static void AssertEqual(GenerationDefaults expected, GenerationDefaults found)
    {
        Assert.Equal(expected.EndOfSequenceIds, found.EndOfSequenceIds);
        Assert.Equal(expected.DraftVocabulary, found.DraftVocabulary);
        Assert.Equal(
            expected with { EndOfSequenceIds = found.EndOfSequenceIds, DraftVocabulary = found.DraftVocabulary },
            found);
    }

    private static void AssertEqual(WeightTensor expected, WeightTensor found)
    {
        var (one, other) = (new float[expected.Columns], new float[expected.Columns]);
        for (var row = 0; row < expected.Rows; row++)
        {
            expected.ReadRow(row, one);
            found.ReadRow(row, other);
            Assert.Equal(one, other);
        }
    }

    /// <summary>Random weights, each a million times as large.</summary>
    private sealed class Overflowing(ModelConfig config) : WeightSource
    {
        private readonly RandomWeightSource _weights = new(config, seed: 1, TensorDataType.F32);

        public override bool Contains(string name) => _weights.Contains(name);

        public override WeightTensor GetTensor(string name, params ReadOnlySpan<long> shape) => new Tensor(_weights.GetTensor(name, shape));

        public override void Dispose() => _weights.Dispose();

        private sealed class Tensor(WeightTensor tensor) : WeightTensor
        {
            public override string Name => tensor.Name;

            public override TensorDataType DataType => tensor.DataType;

            public override IReadOnlyList<long> Shape => tensor.Shape;

            public override void ReadRow(int row, Span<float> destination)
            {
                tensor.ReadRow(row, destination);
                foreach (ref var value in destination)
                {
                    value *= 1e6f;
                }
            }
        }
    }
}
