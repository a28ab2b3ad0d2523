using System.Security.Cryptography;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Checkpoints;

public class CheckpointWriterTests
{
    public static TheoryData<ModelConfig> Configs =>
    [
        TinyCheckpoint.DefaultConfig,
        TinyCheckpoint.DefaultConfig with { TiedEmbeddings = true, AttentionBias = true, MlpBias = true },
        TinyCheckpoint.DefaultConfig with { RmsNormEpsilon = 1.2345678e-6f, RopeTheta = 500_000, RopeScaling = new RopeScaling(RopeScalingKind.Llama3, 32, 1, 4, 8192) },
        TinyCheckpoint.DefaultConfig with { RopeScaling = new RopeScaling(RopeScalingKind.Linear, 2.5f) },
        TinyCheckpoint.DefaultConfig with { ModelType = "mistral" },
    ];

    [Theory]
    [MemberData(nameof(Configs))]
    public void Config_is_read_as_it_was_written(ModelConfig config)
    {
        using var tiny = TinyCheckpoint.Write(config);
        using var checkpoint = Checkpoint.Open(tiny.Directory);
        Assert.Equal(config, checkpoint.Config);
    }

    [Fact]
    public void Generation_defaults_are_read_as_they_were_written()
    {
        var written = new GenerationDefaults
        {
            BeginOfSequenceId = 1,
            EndOfSequenceIds = [2, 5],
            PadId = 0,
            Sample = true,
            Temperature = 0.6f,
            TopK = 40,
            TopP = 0.9f,
            MaxNewTokens = 96,
            ExitLayer = 2,
            NumSpeculations = 5,
            DraftWeights = DraftWeights.Int8,
            DraftVocabulary = [3, 1, 2],
        };
        using var tiny = TinyCheckpoint.Write(generation: written);
        using var checkpoint = Checkpoint.Open(tiny.Directory);
        Assert.Equal([2, 5], checkpoint.Generation.EndOfSequenceIds);
        Assert.Equal([3, 1, 2], checkpoint.Generation.DraftVocabulary);
        Assert.Equal(WithListsOf(checkpoint.Generation, written), checkpoint.Generation);
    }

    [Fact]
    public void Absent_generation_defaults_stay_absent()
    {
        using var tiny = TinyCheckpoint.Write();
        using var checkpoint = Checkpoint.Open(tiny.Directory);
        Assert.Empty(checkpoint.Generation.EndOfSequenceIds);
        Assert.Empty(checkpoint.Generation.DraftVocabulary);
        Assert.Equal(WithListsOf(checkpoint.Generation, new GenerationDefaults()), checkpoint.Generation);
    }

    [Fact]
    public void Mistrals_window_and_the_positions_beyond_it_are_written_as_they_were()
    {
        var windowed = TinyCheckpoint.DefaultConfig with { ModelType = "mistral", MaxPositions = 16, SlidingWindow = 16, PositionsBeyondWindow = 64 };
        using var tiny = TinyCheckpoint.Write(windowed);

        using var checkpoint = Checkpoint.Open(tiny.Directory);
        Assert.Equal((16, 16, 64), (checkpoint.Config.MaxPositions, checkpoint.Config.SlidingWindow, checkpoint.Config.PositionsBeyondWindow));
    }

    [Fact]
    public void Model_type_the_engine_does_not_run_is_not_written() => Assert.Throws<ArgumentException>(() =>
        TinyCheckpoint.Write(TinyCheckpoint.DefaultConfig with { ModelType = "gpt_neox" }));

    [Fact]
    public void What_cannot_be_written_leaves_the_earlier_checkpoint_whole()
    {
        using var tiny = TinyCheckpoint.Write();
        var before = Contents();
        using var weights = new RandomWeightSource(tiny.Config, 2, TensorDataType.F32);
        using var failing = new FullDisk(weights);
        var deeper = tiny.Config with { Layers = tiny.Config.Layers + 1 };
        var generation = new GenerationDefaults { EndOfSequenceIds = [7] };

        Assert.Contains("Is Int8, expected F32, F16 or BF16.", Assert.Throws<ArgumentException>(
            "dataType", () => CheckpointWriter.Write(tiny.Directory, tiny.Config, generation, weights, TensorDataType.Int8)).Message);
        Assert.Throws<CheckpointException>(() => CheckpointWriter.Write(tiny.Directory, deeper, generation, weights, TensorDataType.BF16));
        Assert.Throws<ArgumentException>(
            () => CheckpointWriter.Write(tiny.Directory, tiny.Config with { ModelType = "gpt_neox" }, generation, weights, TensorDataType.BF16));
        Assert.Throws<IOException>(() => CheckpointWriter.Write(tiny.Directory, tiny.Config, generation, failing, TensorDataType.BF16));
        Assert.Equal(before, Contents());

        CheckpointWriter.Write(tiny.Directory, tiny.Config, generation, weights, TensorDataType.BF16);
        using var checkpoint = Checkpoint.Open(tiny.Directory);
        Assert.Equal([7], checkpoint.Generation.EndOfSequenceIds);
        Assert.Equal(TensorDataType.BF16, checkpoint.Weights.GetTensor("model.norm.weight", tiny.Config.HiddenSize).DataType);

        SortedDictionary<string, string> Contents() =>
            new(Directory.GetFiles(tiny.Directory).ToDictionary(file => file, file => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file)))));
    }

    [Fact]
    public void What_ends_between_the_moves_leaves_no_mixture_that_can_be_opened()
    {
        using var tiny = TinyCheckpoint.Write();
        using var weights = new RandomWeightSource(tiny.Config, 2, TensorDataType.F32);

        // A directory where the second file belongs: the first one is in its place already.
        var generation = Path.Combine(tiny.Directory, "generation_config.json");
        File.Delete(generation);
        Directory.CreateDirectory(generation);

        Assert.ThrowsAny<Exception>(() => CheckpointWriter.Write(tiny.Directory, tiny.Config, new(), weights, TensorDataType.BF16));

        Assert.Contains("holds no config.json", Assert.Throws<CheckpointException>(() => Checkpoint.Open(tiny.Directory)).Message, StringComparison.Ordinal);
    }

    /// <summary>Fails within the last tensor, when most of the file is written.</summary>
    private sealed class FullDisk(WeightSource weights) : WeightSource
    {
        public override bool Contains(string name) => weights.Contains(name);

        public override WeightTensor GetTensor(string name, params ReadOnlySpan<long> shape) =>
            name == "lm_head.weight" ? new Head(weights.GetTensor(name, shape)) : weights.GetTensor(name, shape);

        public override void Dispose()
        {
        }

        private sealed class Head(WeightTensor tensor) : WeightTensor
        {
            public override string Name => tensor.Name;

            public override TensorDataType DataType => tensor.DataType;

            public override IReadOnlyList<long> Shape => tensor.Shape;

            public override void ReadRow(int row, Span<float> destination) => throw new IOException("No space left on device");
        }
    }

    /// <summary>Records compare lists by reference.</summary>
    private static GenerationDefaults WithListsOf(GenerationDefaults lists, GenerationDefaults rest) =>
        rest with { EndOfSequenceIds = lists.EndOfSequenceIds, DraftVocabulary = lists.DraftVocabulary };
}
