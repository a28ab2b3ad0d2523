using System.Text.Json.Nodes;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Checkpoints;

public class CheckpointTests
{
    [Theory]
    [InlineData(TensorDataType.F32, 1)]
    [InlineData(TensorDataType.BF16, 1)]
    [InlineData(TensorDataType.F16, 3)]
    public void Weights_are_the_same_numbers_however_they_are_sharded(TensorDataType type, int shards)
    {
        using var tiny = TinyCheckpoint.Write(dataType: type, seed: 5, shards: shards);
        using var checkpoint = Checkpoint.Open(tiny.Directory);
        using var random = new RandomWeightSource(tiny.Config, 5, type);
        Assert.Equal(shards, checkpoint.Tensors.Select(tensor => tensor.File).Distinct().Count());
        foreach (var tensor in checkpoint.Tensors)
        {
            AssertSame(random.GetTensor(tensor.Name, [.. tensor.Shape]), checkpoint.Weights.GetTensor(tensor.Name, [.. tensor.Shape]));
        }
    }

    [Fact]
    public void Tensors_are_listed_with_type_shape_file_and_size()
    {
        using var tiny = TinyCheckpoint.Write(dataType: TensorDataType.BF16);
        using var checkpoint = Checkpoint.Open(tiny.Directory);
        Assert.Equal(3 + (4 * 9), checkpoint.Tensors.Count);
        var head = Assert.Single(checkpoint.Tensors, tensor => tensor.Name == "lm_head.weight");
        Assert.Equal(("BF16", "model.safetensors", 97L * 48 * 2), (head.DataType, head.File, head.Bytes));
        Assert.Equal([97L, 48L], head.Shape);
    }

    [Fact]
    public void Biases_are_expected_where_the_config_says_so()
    {
        using var tiny = TinyCheckpoint.Write(TinyCheckpoint.DefaultConfig with { AttentionBias = true, MlpBias = true });
        using (var checkpoint = Checkpoint.Open(tiny.Directory))
        {
            Assert.Equal(20, checkpoint.Weights.GetTensor("model.layers.0.self_attn.k_proj.bias", 20).Columns);
            Assert.Equal(80, checkpoint.Weights.GetTensor("model.layers.3.mlp.up_proj.bias", 80).Columns);
        }

        using var without = TinyCheckpoint.Write();
        without.Edit("config.json", json => json["attention_bias"] = true);
        AssertRefused(without, "model.safetensors: tensor 'model.layers.0.self_attn.q_proj.bias' is missing; closest names: 'model.layers.");
    }

    [Fact]
    public void Tied_checkpoint_may_carry_a_head_all_the_same()
    {
        using var tiny = TinyCheckpoint.Write();
        tiny.Edit("config.json", json => json["tie_word_embeddings"] = true);
        using var checkpoint = Checkpoint.Open(tiny.Directory);
        Assert.True(checkpoint.Config.TiedEmbeddings);
    }

    [Fact]
    public void Missing_head_is_named_with_its_nearest_neighbours()
    {
        using var tiny = TinyCheckpoint.Write(TinyCheckpoint.DefaultConfig with { TiedEmbeddings = true });
        tiny.Edit("config.json", json => json["tie_word_embeddings"] = false);
        AssertRefused(tiny, "model.safetensors: tensor 'lm_head.weight' is missing; closest names: 'model.norm.weight', ");
    }

    [Fact]
    public void Names_without_the_prefix_are_suggested()
    {
        using var tiny = TinyCheckpoint.Write();
        Rewrite(tiny, tensor => tensor.Name.Replace("model.", "", StringComparison.Ordinal));
        AssertRefused(tiny, "tensor 'model.embed_tokens.weight' is missing; closest names: 'embed_tokens.weight', ");
    }

    [Fact]
    public void Wrong_shape_names_tensor_and_both_shapes()
    {
        using var tiny = TinyCheckpoint.Write();
        tiny.Edit("config.json", json => json["intermediate_size"] = 81);
        AssertRefused(tiny, "model.safetensors: tensor 'model.layers.0.mlp.gate_proj.weight' has shape [80, 48], expected [81, 48]");
    }

    [Fact]
    public void Integer_tensor_is_tolerated_until_it_is_asked_for_as_a_weight()
    {
        using var tiny = TinyCheckpoint.Write();
        Rewrite(tiny, tensor => tensor.Name, writer => writer.Add("extra", "I64", [3], new byte[24]));
        using (var checkpoint = Checkpoint.Open(tiny.Directory))
        {
            Assert.True(checkpoint.Weights.Contains("extra"));
            var error = Assert.Throws<CheckpointException>(() => checkpoint.Weights.GetTensor("extra", 3));
            Assert.Equal("model.safetensors: tensor 'extra' has dtype I64, expected F32, F16 or BF16", error.Message);
        }

        Rewrite(tiny, tensor => tensor.Name == "model.norm.weight" ? null : tensor.Name, writer => writer.Add("model.norm.weight", "F64", [48], new byte[48 * 8]));
        AssertRefused(tiny, "tensor 'model.norm.weight' has dtype F64, expected F32, F16 or BF16");
    }

    [Fact]
    public void Reading_after_disposal_throws_and_does_not_crash()
    {
        using var tiny = TinyCheckpoint.Write();
        var checkpoint = Checkpoint.Open(tiny.Directory);
        var norm = checkpoint.Weights.GetTensor("model.norm.weight", 48);
        checkpoint.Dispose();
        checkpoint.Dispose();
        Assert.Throws<ObjectDisposedException>(() => norm.ReadRow(0, new float[48]));
        Assert.Throws<ObjectDisposedException>(() => checkpoint.Weights.GetTensor("model.norm.weight", 48));
    }

    [Fact]
    public void Bad_rows_are_refused()
    {
        using var tiny = TinyCheckpoint.Write();
        using var checkpoint = Checkpoint.Open(tiny.Directory);
        var head = checkpoint.Weights.GetTensor("lm_head.weight", 97, 48);
        Assert.Throws<ArgumentOutOfRangeException>(() => head.ReadRow(97, new float[48]));
        Assert.Throws<ArgumentOutOfRangeException>(() => head.ReadRow(-1, new float[48]));
        Assert.Throws<ArgumentException>(() => head.ReadRow(0, new float[49]));
    }

    [Fact]
    public void Missing_directory_says_what_was_looked_for()
    {
        using var tiny = TinyCheckpoint.Write();
        AssertRefused(tiny.PathOf("nowhere"), "nowhere: does not exist, expected a Hugging Face checkpoint directory with config.json and model.safetensors");
        AssertRefused(tiny.PathOf("config.json"), "config.json: does not begin with 'GGUF', expected a GGUF file");
    }

    [Theory]
    [InlineData("config.json", "holds no config.json, expected a Hugging Face checkpoint directory")]
    [InlineData("model.safetensors", "holds no weights, expected model.safetensors or model.safetensors.index.json")]
    public void Missing_file_is_named(string file, string message)
    {
        using var tiny = TinyCheckpoint.Write();
        File.Delete(tiny.PathOf(file));
        AssertRefused(tiny, message);
    }

    [Fact]
    public void Generation_config_may_be_missing_but_not_damaged()
    {
        using var tiny = TinyCheckpoint.Write();
        File.Delete(tiny.PathOf("generation_config.json"));
        Checkpoint.Open(tiny.Directory).Dispose();
        File.WriteAllText(tiny.PathOf("generation_config.json"), "{ \"do_sample\": ");
        AssertRefused(tiny, "generation_config.json: line 1, byte ");
    }

    [Fact]
    public void Directory_in_a_files_place_is_refused()
    {
        using var tiny = TinyCheckpoint.Write();
        File.Delete(tiny.PathOf("model.safetensors"));
        Directory.CreateDirectory(tiny.PathOf("model.safetensors"));
        AssertRefused(tiny, "model.safetensors: cannot be read: ");
    }

    [Theory]
    [InlineData("pytorch_model.bin")]
    [InlineData("pytorch_model.bin.index.json")]
    public void Pickled_weights_are_to_be_converted(string file)
    {
        using var tiny = TinyCheckpoint.Write();
        File.Move(tiny.PathOf("model.safetensors"), tiny.PathOf(file));
        AssertRefused(tiny, $"holds {file}, expected model.safetensors or model.safetensors.index.json: pickle files can run code and are not read; convert");
    }

    [Theory]
    [InlineData("../model-00001-of-00002.safetensors")]
    [InlineData("/etc/model.safetensors")]
    [InlineData("sub/model.safetensors")]
    [InlineData("sub\\model.safetensors")]
    [InlineData("C:model.safetensors")]
    [InlineData("..")]
    [InlineData("")]
    [InlineData("config.json")]
    [InlineData("model\0.safetensors")]
    public void Index_cannot_name_files_elsewhere(string shard)
    {
        using var tiny = TinyCheckpoint.Write(shards: 2);
        EditWeightMap(tiny, map => map["model.norm.weight"] = shard);
        AssertRefused(tiny, "model.safetensors.index.json: weight_map.model.norm.weight is ", ", expected the name of a .safetensors file in the same directory");
    }

    [Fact]
    public void Bad_index_is_refused_by_entry()
    {
        using var tiny = TinyCheckpoint.Write(shards: 2);
        EditWeightMap(tiny, map => map["model.norm.weight"] = "model-00007-of-00002.safetensors");
        AssertRefused(tiny, "model-00007-of-00002.safetensors: does not exist in ");

        // Tensors are dealt out in turn, so that neighbours lie in different shards.
        EditWeightMap(tiny, map => map["model.norm.weight"] = map["lm_head.weight"]!.GetValue<string>());
        AssertRefused(tiny, "tensor 'model.norm.weight' is missing, expected here by model.safetensors.index.json");

        EditWeightMap(tiny, map => map["model.norm.weight"] = 7);
        AssertRefused(tiny, "model.safetensors.index.json: weight_map.model.norm.weight is 7, expected a string");

        tiny.Edit("model.safetensors.index.json", json => json.Remove("weight_map"));
        AssertRefused(tiny, "model.safetensors.index.json: weight_map is missing");
    }

    [Fact]
    public void Index_of_many_entries_takes_linear_time()
    {
        using var tiny = TinyCheckpoint.Write(shards: 2);
        EditWeightMap(tiny, map =>
        {
            for (var i = 0; i < 100_000; i++)
            {
                map[$"t{i}"] = "model-00001-of-00002.safetensors";
            }
        });
        AssertRefused(tiny, "tensor 't0' is missing, expected here by");
    }

    [Theory]
    [InlineData("config.json")]
    [InlineData("generation_config.json")]
    [InlineData("model.safetensors.index.json")]
    public void Flipped_bytes_of_a_JSON_file_are_refused_or_read(string file)
    {
        using var tiny = TinyCheckpoint.Write(
            shards: 2, generation: new GenerationDefaults { BeginOfSequenceId = 1, EndOfSequenceIds = [2, 3], Temperature = 0.5f, ExitLayer = 2 });
        var whole = File.ReadAllBytes(tiny.PathOf(file));
        var random = new Random(7);
        for (var trial = 0; trial < 1500; trial++)
        {
            var flipped = whole.ToArray();
            for (var flips = random.Next(1, 4); flips > 0; flips--)
            {
                flipped[random.Next(flipped.Length)] ^= (byte)(1 << random.Next(8));
            }

            File.WriteAllBytes(tiny.PathOf(file), flipped);
            try
            {
                Checkpoint.Open(tiny.Directory).Dispose();
            }
            catch (CheckpointException)
            {
                // The one exception that a damaged file may cause.
            }
        }
    }

    [Fact]
    public void Every_prefix_of_the_config_is_refused()
    {
        using var tiny = TinyCheckpoint.Write();
        var whole = File.ReadAllBytes(tiny.PathOf("config.json"));
        for (var length = 0; length < whole.Length; length++)
        {
            File.WriteAllBytes(tiny.PathOf("config.json"), whole[..length]);
            Assert.Throws<CheckpointException>(() => Checkpoint.Open(tiny.Directory));
        }
    }

    [Theory]
    [InlineData("model.embed_tokens.weight", 0, 0, 0xbe96e950)]
    [InlineData("model.embed_tokens.weight", 511, 63, 0xbed91acd)]
    [InlineData("model.embed_tokens.weight", 256, 21, 0xbf2db3d3)]
    [InlineData("model.layers.4.mlp.down_proj.weight", 32, 57, 0xbd6e6e4f)]
    [InlineData("model.layers.4.mlp.down_proj.weight", 63, 171, 0xbb65d38b)]
    [InlineData("model.norm.weight", 0, 21, 0x4000ef49)]
    [InlineData("model.layers.2.self_attn.k_proj.weight", 16, 21, 0xbc660aa6)]
    public void Stories260K_opens_and_holds_the_bytes_of_its_file(string name, int row, int column, uint bits)
    {
        using var checkpoint = Checkpoint.Open(SharedData.Require("stories260K"));
        Assert.Equal(5, checkpoint.Config.Layers);
        Assert.Equal([2], checkpoint.Generation.EndOfSequenceIds);
        Assert.Equal(47, checkpoint.Tensors.Count);
        Assert.Equal(bits, BitConverter.SingleToUInt32Bits(Element(checkpoint, name, row, column)));
    }

    [Theory]
    [InlineData("model.embed_tokens.weight", 0, 0, 0xbdce0000)]
    [InlineData("model.embed_tokens.weight", 2303, 191, 0x3e160000)]
    [InlineData("model.layers.11.mlp.down_proj.weight", 96, 170, 0xbcb00000)]
    [InlineData("model.layers.11.mlp.down_proj.weight", 191, 511, 0x3d500000)]
    [InlineData("model.norm.weight", 0, 64, 0x3ffd0000)]
    [InlineData("model.layers.5.self_attn.k_proj.weight", 32, 64, 0x3d700000)]
    public void Reference_parser_opens_and_holds_the_bytes_of_its_file(string name, int row, int column, uint bits)
    {
        using var checkpoint = Checkpoint.Open(SharedData.Require("topv2-parser"));
        Assert.Equal((12, 2, 5), (checkpoint.Config.Layers, checkpoint.Generation.ExitLayer, checkpoint.Generation.NumSpeculations));
        Assert.Equal([2303], checkpoint.Generation.EndOfSequenceIds);
        Assert.Equal(110, checkpoint.Tensors.Count);
        Assert.Equal(bits, BitConverter.SingleToUInt32Bits(Element(checkpoint, name, row, column)));
    }

    private static float Element(Checkpoint checkpoint, string name, int row, int column)
    {
        var tensor = checkpoint.Weights.GetTensor(name, [.. checkpoint.Tensors.Single(tensor => tensor.Name == name).Shape]);
        var elements = new float[tensor.Columns];
        tensor.ReadRow(row, elements);
        return elements[column];
    }

    private static void AssertSame(WeightTensor expected, WeightTensor actual)
    {
        Assert.Equal((expected.DataType, expected.Rows, expected.Columns), (actual.DataType, actual.Rows, actual.Columns));
        var (one, other) = (new float[expected.Columns], new float[expected.Columns]);
        for (var row = 0; row < expected.Rows; row++)
        {
            expected.ReadRow(row, one);
            actual.ReadRow(row, other);
            Assert.Equal(one, other);
        }
    }

    private static void AssertRefused(TinyCheckpoint tiny, params string[] parts) => AssertRefused(tiny.Directory, parts);

    private static void AssertRefused(string directory, params string[] parts)
    {
        var error = Assert.Throws<CheckpointException>(() => Checkpoint.Open(directory));
        Assert.All(parts, part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
    }

    private static void EditWeightMap(TinyCheckpoint tiny, Action<JsonObject> edit) =>
        tiny.Edit("model.safetensors.index.json", json => edit(json["weight_map"]!.AsObject()));

    /// <summary>Writes the weights again under other names, those named null left out.</summary>
    private static void Rewrite(TinyCheckpoint tiny, Func<TensorInfo, string?> rename, Action<SafetensorsWriter>? add = null)
    {
        using var source = SafetensorsWeightSource.Open(tiny.Directory);
        var writer = new SafetensorsWriter();
        foreach (var tensor in source.Tensors.Where(tensor => tensor.DataType == "F32" && rename(tensor) is not null))
        {
            var weight = source.GetTensor(tensor.Name, [.. tensor.Shape]);
            writer.Add(rename(tensor)!, weight.DataType, [.. tensor.Shape], weight.ReadRow);
        }

        add?.Invoke(writer);
        writer.Write(tiny.PathOf("model.safetensors"));
    }
}
