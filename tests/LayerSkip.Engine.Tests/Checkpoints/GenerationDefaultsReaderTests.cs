using System.Text;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Checkpoints;

public class GenerationDefaultsReaderTests
{
    private static readonly ModelConfig Config = TinyCheckpoint.DefaultConfig;

    [Fact]
    public void Every_field_is_read()
    {
        var generation = Read(
            """
            {
              "bos_token_id": 1, "eos_token_id": [2, 3], "pad_token_id": 0, "do_sample": true, "temperature": 0.6, "top_k": 40, "top_p": 0.9, "min_p": 0.1,
              "max_new_tokens": 96, "max_length": 4096, "layerskip": { "exit_layer": 3, "num_speculations": 6, "draft_weights": "int4", "draft_vocabulary": [5, 7, 5] }
            }
            """,
            "{}");
        Assert.Equal(1, generation.BeginOfSequenceId);
        Assert.Equal([2, 3], generation.EndOfSequenceIds);
        Assert.Equal(0, generation.PadId);
        Assert.True(generation.Sample);
        Assert.Equal(0.6f, generation.Temperature);
        Assert.Equal(40, generation.TopK);
        Assert.Equal(0.9f, generation.TopP);
        Assert.Equal(0.1f, generation.MinP);
        Assert.Equal(0.1f, generation.Sampling.MinP);
        Assert.Equal(96, generation.MaxNewTokens);
        Assert.Equal(3, generation.ExitLayer);
        Assert.Equal(6, generation.NumSpeculations);
        Assert.Equal(DraftWeights.Int4, generation.DraftWeights);
        Assert.Equal([5, 7], generation.DraftVocabulary);
    }

    [Fact]
    public void Token_ids_come_from_the_model_where_the_file_is_absent()
    {
        var generation = Read(null, """{ "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3, "temperature": "ignored here" }""");
        Assert.Equal(1, generation.BeginOfSequenceId);
        Assert.Equal([2], generation.EndOfSequenceIds);
        Assert.Equal(3, generation.PadId);
        Assert.Null(generation.Temperature);
        Assert.Null(generation.ExitLayer);
    }

    [Fact]
    public void Either_files_end_of_sequence_ends_generation() =>
        Assert.Equal([5, 2, 9], Read("""{ "eos_token_id": [5, 2] }""", """{ "eos_token_id": [2, 9] }""").EndOfSequenceIds);

    [Fact]
    public void Files_own_token_ids_go_before_the_models()
    {
        var generation = Read("""{ "bos_token_id": 7, "pad_token_id": null }""", """{ "bos_token_id": 1, "pad_token_id": 4 }""");
        Assert.Equal(7, generation.BeginOfSequenceId);
        Assert.Equal(4, generation.PadId);
    }

    [Fact]
    public void Padding_of_minus_one_means_none() => Assert.Null(Read("{}", """{ "pad_token_id": -1 }""").PadId);

    [Fact]
    public void Padding_without_a_row_of_the_embedding_means_none()
    {
        Assert.Null(Read("""{ "pad_token_id": 97 }""", "{}").PadId);
        Assert.Equal(96, Read("""{ "pad_token_id": 97 }""", """{ "pad_token_id": 96 }""").PadId);
    }

    [Theory]
    [InlineData("""{ "bos_token_id": 97 }""", "generation_config.json: bos_token_id is 97, expected an integer from 0 to 96")]
    [InlineData("""{ "bos_token_id": "1" }""", "generation_config.json: bos_token_id is '1'")]
    [InlineData("""{ "eos_token_id": [2, 97] }""", "generation_config.json: eos_token_id is [2, 97], expected an integer from 0 to 96, or an array of such")]
    [InlineData("""{ "eos_token_id": -1 }""", "generation_config.json: eos_token_id is -1")]
    [InlineData("""{ "eos_token_id": [[2]] }""", "generation_config.json: eos_token_id is [[2]]")]
    [InlineData("""{ "pad_token_id": -2 }""", "generation_config.json: pad_token_id is -2")]
    [InlineData("""{ "do_sample": "yes" }""", "generation_config.json: do_sample is 'yes', expected true or false")]
    [InlineData("""{ "temperature": -0.1 }""", "generation_config.json: temperature is -0.1")]
    [InlineData("""{ "top_k": 1.5 }""", "generation_config.json: top_k is 1.5")]
    [InlineData("""{ "top_p": 1.5 }""", "generation_config.json: top_p is 1.5")]
    [InlineData("""{ "max_new_tokens": 0 }""", "generation_config.json: max_new_tokens is 0")]
    [InlineData("""{ "layerskip": 3 }""", "generation_config.json: layerskip is 3, expected an object")]
    [InlineData("""{ "layerskip": { "exit_layer": 0 } }""", "generation_config.json: layerskip.exit_layer is 0, expected an integer from 1 to 3")]
    [InlineData("""{ "layerskip": { "exit_layer": 4 } }""", "generation_config.json: layerskip.exit_layer is 4, expected an integer from 1 to 3")]
    [InlineData("""{ "layerskip": { "exit_layer": 4, "draft_weights": "exact" } }""", "generation_config.json: layerskip.exit_layer is 4, expected an integer from 1 to 3")]
    [InlineData("""{ "layerskip": { "exit_layer": 5, "draft_weights": "int8" } }""", "generation_config.json: layerskip.exit_layer is 5, expected an integer from 1 to 4")]
    [InlineData("""{ "layerskip": { "draft_vocabulary": [-1] } }""", "generation_config.json: layerskip.draft_vocabulary is [-1]")]
    [InlineData("""{ "layerskip": { "num_speculations": -1 } }""", "generation_config.json: layerskip.num_speculations is -1")]
    public void Bad_field_is_refused_by_name(string json, string message)
    {
        var error = Assert.Throws<CheckpointException>(() => Read(json, "{}"));
        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Bad_token_id_of_the_model_names_the_models_file()
    {
        var error = Assert.Throws<CheckpointException>(() => Read("{}", """{ "eos_token_id": 97 }"""));
        Assert.StartsWith("config.json: eos_token_id is 97", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void All_layers_may_draft_by_coarse_weights() =>
        Assert.Equal(4, Read("""{ "layerskip": { "exit_layer": 4, "draft_weights": "int8" } }""", "{}").ExitLayer);

    [Fact]
    public void Model_of_one_layer_has_nothing_to_exit_from()
    {
        var error = Assert.Throws<CheckpointException>(() => Read("""{ "layerskip": { "exit_layer": 1 } }""", "{}", Config with { Layers = 1 }));
        Assert.Contains("layerskip.exit_layer is 1, expected none", error.Message, StringComparison.Ordinal);
    }

    private static GenerationDefaults Read(string? generation, string model, ModelConfig? config = null) => GenerationDefaultsReader.Read(
        generation is null ? null : JsonSection.Parse("generation_config.json", Encoding.UTF8.GetBytes(generation)),
        JsonSection.Parse("config.json", Encoding.UTF8.GetBytes(model)),
        config ?? Config);
}
