using LayerSkip.Engine.Checkpoints;
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
    public void Model_type_the_engine_does_not_run_is_not_written() => Assert.Throws<ArgumentException>(() =>
        TinyCheckpoint.Write(TinyCheckpoint.DefaultConfig with { ModelType = "gpt_neox" }));

    /// <summary>Records compare lists by reference.</summary>
    private static GenerationDefaults WithListsOf(GenerationDefaults lists, GenerationDefaults rest) =>
        rest with { EndOfSequenceIds = lists.EndOfSequenceIds, DraftVocabulary = lists.DraftVocabulary };
}
