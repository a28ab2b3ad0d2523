using System.Text.Json.Nodes;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Tests;

/// <summary>A checkpoint directory of a small random model in the temporary folder, deleted on disposal.</summary>
internal sealed class TinyCheckpoint : IDisposable
{
    private TinyCheckpoint(string directory, ModelConfig config)
    {
        Directory = directory;
        Config = config;
    }

    /// <summary>Four layers, grouped-query attention, an untied head: every shape distinct, none a power of two by accident.</summary>
    public static ModelConfig DefaultConfig { get; } = new()
    {
        VocabularySize = 97,
        HiddenSize = 48,
        IntermediateSize = 80,
        Layers = 4,
        AttentionHeads = 6,
        KeyValueHeads = 2,
        HeadDimension = 10,
        MaxPositions = 128,
    };

    /// <summary>Full path of the checkpoint.</summary>
    public string Directory { get; }

    /// <summary>The model's shape.</summary>
    public ModelConfig Config { get; }

    /// <summary>Writes a checkpoint whose weights are those of <see cref="RandomWeightSource"/> for the same arguments.</summary>
    /// <param name="config">The model's shape; <see cref="DefaultConfig"/> where null.</param>
    /// <param name="dataType">How the weights are stored.</param>
    /// <param name="seed">Chooses the weights.</param>
    /// <param name="shards">1 writes model.safetensors; more write that many files and an index.</param>
    /// <param name="generation">What generation_config.json says; nothing where null.</param>
    public static TinyCheckpoint Write(
        ModelConfig? config = null,
        TensorDataType dataType = TensorDataType.F32,
        ulong seed = 1,
        int shards = 1,
        GenerationDefaults? generation = null)
    {
        config ??= DefaultConfig;
        generation ??= new GenerationDefaults();
        var checkpoint = new TinyCheckpoint(System.IO.Directory.CreateTempSubdirectory("layerskip-").FullName, config);
        try
        {
            using var weights = new RandomWeightSource(config, seed, dataType);
            CheckpointWriter.Write(checkpoint.Directory, config, generation, weights, dataType);
            if (shards > 1)
            {
                checkpoint.Split(shards);
            }
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }

        return checkpoint;
    }

    /// <summary>Full path of a file in the checkpoint.</summary>
    public string PathOf(string file) => Path.Combine(Directory, file);

    /// <summary>Changes a JSON file of the checkpoint.</summary>
    public void Edit(string file, Action<JsonObject> edit)
    {
        var json = JsonNode.Parse(File.ReadAllText(PathOf(file)))!.AsObject();
        edit(json);
        File.WriteAllText(PathOf(file), json.ToJsonString());
    }

    /// <summary>Makes the last weights NaN, as if the file were damaged.</summary>
    /// <param name="count">How many; they are stored as F32.</param>
    public void Damage(int count)
    {
        using var weights = new FileStream(PathOf("model.safetensors"), FileMode.Open);
        weights.Seek(-sizeof(float) * count, SeekOrigin.End);
        for (var i = 0; i < count; i++)
        {
            weights.Write(BitConverter.GetBytes(float.NaN));
        }
    }

    public void Dispose() => System.IO.Directory.Delete(Directory, recursive: true);

    /// <summary>Deals the tensors of model.safetensors out to shards in turn, and removes it.</summary>
    private void Split(int shards)
    {
        var weightMap = new JsonObject();
        using (var whole = Checkpoint.Open(Directory))
        {
            var writers = Enumerable.Range(0, shards).Select(_ => new SafetensorsWriter()).ToArray();
            foreach (var (index, tensor) in whole.Tensors.Index())
            {
                var weight = whole.Weights.GetTensor(tensor.Name, tensor.Shape.ToArray());
                writers[index % shards].Add(weight, weight.DataType);
                weightMap[tensor.Name] = ShardName(index % shards, shards);
            }

            foreach (var (shard, writer) in writers.Index())
            {
                writer.Write(PathOf(ShardName(shard, shards)));
            }
        }

        File.Delete(PathOf("model.safetensors"));
        File.WriteAllText(PathOf("model.safetensors.index.json"), new JsonObject { ["weight_map"] = weightMap }.ToJsonString());
    }

    private static string ShardName(int shard, int shards) => $"model-{shard + 1:D5}-of-{shards:D5}.safetensors";
}
