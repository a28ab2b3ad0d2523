using LayerSkip.Engine.Checkpoints.Gguf;

namespace LayerSkip.Engine.Checkpoints;

/// <summary>A checkpoint of the Llama family, opened and checked: a directory in Hugging Face layout, or a GGUF file.</summary>
/// <remarks>
/// Opening reads no more than the headers; a row of a weight is read when it is asked for, so that no copy of the files is held beside what
/// is made of them. A file that is cut short while it is open is a <see cref="CheckpointException"/> when what is gone is read.
/// </remarks>
public sealed class Checkpoint : IDisposable
{
    private Checkpoint(
        string path, ModelConfig config, GenerationDefaults generation, WeightSource weights, IReadOnlyList<TensorInfo> tensors)
    {
        Path = path;
        Config = config;
        Generation = generation;
        Weights = weights;
        Tensors = tensors;
    }

    /// <summary>The full path of the directory or GGUF file.</summary>
    public string Path { get; }

    /// <summary>The model's shape, from <c>config.json</c> or the file's metadata.</summary>
    public ModelConfig Config { get; }

    /// <summary>The checkpoint's own generation settings; all of them null or empty where it has none.</summary>
    public GenerationDefaults Generation { get; }

    /// <summary>The weights. It holds every tensor that <see cref="Config"/> implies, with the right shape and a readable element type.</summary>
    public WeightSource Weights { get; }

    /// <summary>Every tensor that the files list, those that the model does not use included.</summary>
    public IReadOnlyList<TensorInfo> Tensors { get; }

    /// <summary>A checkpoint's name: its directory's, or its file's without the ending <c>.gguf</c>.</summary>
    /// <param name="path">The directory or file, which need not exist.</param>
    public static string NameOf(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        var name = System.IO.Path.GetFileName(System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path)));
        return name.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) ? name[..^".gguf".Length] : name;
    }

    /// <summary>
    /// Opens a directory that holds <c>config.json</c>, optionally <c>generation_config.json</c>, and either
    /// <c>model.safetensors</c> or <c>model.safetensors.index.json</c> with its shards; or a GGUF file of the <c>llama</c> architecture.
    /// </summary>
    /// <param name="path">The directory or file.</param>
    /// <exception cref="CheckpointException">
    /// A file, field or tensor is missing, damaged, or of a kind the engine does not run; the message names it, what was found
    /// and what was expected.
    /// </exception>
    public static Checkpoint Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return File.Exists(path) ? OpenFile(path) : OpenDirectory(path);
    }

    /// <summary>Closes the weight files; reading a weight afterwards throws <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose() => Weights.Dispose();

    private static Checkpoint OpenFile(string path)
    {
        var file = GgufFile.Open(path);
        try
        {
            var config = GgufConfigReader.Read(file);
            var generation = GgufGenerationReader.Read(file.Header.Metadata, config);
            var weights = new GgufWeightSource(file, config.HeadDimension);
            weights.RequireNothingElse(config);
            RequireTensors(weights, config);
            return new Checkpoint(System.IO.Path.GetFullPath(path), config, generation, weights, weights.Tensors);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static Checkpoint OpenDirectory(string directory)
    {
        const string Expected = "expected a Hugging Face checkpoint directory with config.json and model.safetensors, or a GGUF file";
        if (!Directory.Exists(directory))
        {
            throw new CheckpointException($"{directory}: does not exist, {Expected}");
        }

        var configPath = System.IO.Path.Combine(directory, ModelConfigReader.FileName);
        if (!System.IO.Path.Exists(configPath))
        {
            throw new CheckpointException($"{directory}: holds no {ModelConfigReader.FileName}, {Expected}");
        }

        directory = System.IO.Path.GetFullPath(directory);

        var model = JsonSection.ReadFile(configPath);
        var config = ModelConfigReader.Read(model);
        var generationPath = System.IO.Path.Combine(directory, GenerationDefaultsReader.FileName);
        var generation = GenerationDefaultsReader.Read(
            System.IO.Path.Exists(generationPath) ? JsonSection.ReadFile(generationPath) : null, model, config);

        var weights = SafetensorsWeightSource.Open(directory);
        try
        {
            RequireTensors(weights, config);
        }
        catch
        {
            weights.Dispose();
            throw;
        }

        return new Checkpoint(directory, config, generation, weights, weights.Tensors);
    }

    private static void RequireTensors(WeightSource weights, ModelConfig config)
    {
        foreach (var expected in LlamaTensors.Of(config))
        {
            weights.GetTensor(expected.Name, expected.Shape);
        }
    }
}
