namespace LayerSkip.Engine.Checkpoints;

/// <summary>A Hugging Face checkpoint directory of the Llama family, opened and checked.</summary>
/// <remarks>
/// The weights are memory-mapped: opening reads no more than the headers, and <see cref="Dispose"/>, once the weights have been
/// copied elsewhere, gives back the memory that reading them took. The files must not be cut short while they are open.
/// </remarks>
public sealed class Checkpoint : IDisposable
{
    private readonly SafetensorsWeightSource _weights;

    private Checkpoint(string directory, ModelConfig config, GenerationDefaults generation, SafetensorsWeightSource weights)
    {
        Directory = directory;
        Config = config;
        Generation = generation;
        _weights = weights;
    }

    /// <summary>The directory's full path.</summary>
    public string Directory { get; }

    /// <summary>The model's shape, from <c>config.json</c>.</summary>
    public ModelConfig Config { get; }

    /// <summary>The checkpoint's own generation settings; all of them null or empty where it has none.</summary>
    public GenerationDefaults Generation { get; }

    /// <summary>The weights. It holds every tensor that <see cref="Config"/> implies, with the right shape and a readable element type.</summary>
    public WeightSource Weights => _weights;

    /// <summary>Every tensor that the files list, those that the model does not use included.</summary>
    public IReadOnlyList<TensorInfo> Tensors => _weights.Tensors;

    /// <summary>
    /// Opens a directory that holds <c>config.json</c>, optionally <c>generation_config.json</c>, and either
    /// <c>model.safetensors</c> or <c>model.safetensors.index.json</c> with its shards.
    /// </summary>
    /// <param name="directory">The directory.</param>
    /// <exception cref="CheckpointException">
    /// A file, field or tensor is missing, damaged, or of a kind the engine does not run; the message names it, what was found
    /// and what was expected.
    /// </exception>
    public static Checkpoint Open(string directory)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        const string Expected = "expected a Hugging Face checkpoint directory with config.json and model.safetensors";
        if (!System.IO.Directory.Exists(directory))
        {
            throw new CheckpointException($"{directory}: {(File.Exists(directory) ? "is a file" : "does not exist")}, {Expected}");
        }

        var configPath = Path.Combine(directory, ModelConfigReader.FileName);
        if (!Path.Exists(configPath))
        {
            throw new CheckpointException($"{directory}: holds no {ModelConfigReader.FileName}, {Expected}");
        }

        directory = Path.GetFullPath(directory);

        var model = JsonSection.ReadFile(configPath);
        var config = ModelConfigReader.Read(model);
        var generationPath = Path.Combine(directory, GenerationDefaultsReader.FileName);
        var generation = GenerationDefaultsReader.Read(
            Path.Exists(generationPath) ? JsonSection.ReadFile(generationPath) : null, model, config);

        var weights = SafetensorsWeightSource.Open(directory);
        try
        {
            foreach (var expected in LlamaTensors.Of(config))
            {
                weights.GetTensor(expected.Name, expected.Shape);
            }
        }
        catch
        {
            weights.Dispose();
            throw;
        }

        return new Checkpoint(directory, config, generation, weights);
    }

    /// <summary>Unmaps and closes the weight files; reading a weight afterwards throws <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose() => _weights.Dispose();
}
