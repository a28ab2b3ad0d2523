using System.Globalization;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Training.Models;
using LayerSkip.Training.Optimization;

namespace LayerSkip.Training;

/// <summary>
/// A run on disk, one safetensors file: the weights under their own names, the optimizer's moments under those with a prefix, the step and the
/// seed as metadata. Random draws depend on the seed and the step alone, so there is no generator's state to keep.
/// </summary>
internal static class TrainingState
{
    private const string MeanPrefix = "optimizer.mean.";
    private const string SquarePrefix = "optimizer.square.";
    private const string StepKey = "step";
    private const string SeedKey = "seed";
    private const string DescriptionKey = "description";

    public static void Write(string path, SavedRun run, LlamaParameters weights, AdamW optimizer)
    {
        var (step, seed, description) = run;
        var writer = new SafetensorsWriter();
        writer.Metadata[StepKey] = step.ToString(CultureInfo.InvariantCulture);
        writer.Metadata[SeedKey] = seed.ToString(CultureInfo.InvariantCulture);
        if (description is not null)
        {
            writer.Metadata[DescriptionKey] = description;
        }

        Add(writer, string.Empty, weights);
        Add(writer, MeanPrefix, optimizer.Means);
        Add(writer, SquarePrefix, optimizer.Squares);
        writer.Write(path);
    }

    /// <summary>Fills weights and moments, and returns the step.</summary>
    /// <exception cref="CheckpointException">The file is damaged, or of another model or seed.</exception>
    public static long Read(string path, ulong seed, LlamaParameters weights, AdamW optimizer)
    {
        using var file = SafetensorsFile.Open(path);
        var run = ReadRun(file);
        if (run.Seed != seed)
        {
            throw new CheckpointException($"{file.Name}: the run has seed {run.Seed}, expected {seed}");
        }

        var entries = file.Header.Tensors.ToDictionary(entry => entry.Name, StringComparer.Ordinal);
        if (entries.Count != 3 * weights.Tensors.Count)
        {
            throw new CheckpointException($"{file.Name}: has {entries.Count} tensors, expected {3 * weights.Tensors.Count}, weights and two moments each: not a saved run of this model");
        }

        Read(file, entries, string.Empty, weights);
        Read(file, entries, MeanPrefix, optimizer.Means);
        Read(file, entries, SquarePrefix, optimizer.Squares);
        return run.Step;
    }

    /// <summary>What the header says.</summary>
    /// <exception cref="CheckpointException">The file is not a saved run.</exception>
    public static SavedRun ReadRun(SafetensorsFile file)
    {
        var step = Number(file, StepKey);
        return step <= long.MaxValue
            ? new SavedRun((long)step, Number(file, SeedKey), file.Header.Metadata.GetValueOrDefault(DescriptionKey))
            : throw new CheckpointException($"{file.Name}: step is {step}, expected at most {long.MaxValue}");
    }

    private static void Add(SafetensorsWriter writer, string prefix, LlamaParameters values)
    {
        foreach (var tensor in values.Tensors)
        {
            var view = values.View(tensor.Name);
            writer.Add(prefix + tensor.Name, TensorDataType.F32, tensor.Shape, (row, destination) => view.Row(row).CopyTo(destination));
        }
    }

    private static void Read(SafetensorsFile file, Dictionary<string, SafetensorsEntry> entries, string prefix, LlamaParameters values)
    {
        foreach (var tensor in values.Tensors)
        {
            var name = prefix + tensor.Name;
            if (!entries.TryGetValue(name, out var entry))
            {
                throw new CheckpointException($"{file.Name}: tensor '{name}' is missing: not a saved run of this model");
            }

            if (entry.DataType != "F32" || !entry.Shape.AsSpan().SequenceEqual(tensor.Shape))
            {
                throw new CheckpointException(
                    $"{file.Name}: tensor '{name}' is {entry.DataType} {ErrorText.Shape(entry.Shape)}, expected F32 {ErrorText.Shape(tensor.Shape)}");
            }

            var view = values.View(tensor.Name);
            for (var row = 0; row < tensor.Rows; row++)
            {
                file.Read(entry.Begin + ((long)row * tensor.Columns * sizeof(float)), TensorDataType.F32, view.Row(row));
            }
        }
    }

    private static ulong Number(SafetensorsFile file, string key)
    {
        var text = file.Header.Metadata.GetValueOrDefault(key);
        return ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new CheckpointException($"{file.Name}: metadata '{key}' is {ErrorText.Quote(text ?? string.Empty)}, expected a number: not a saved run");
    }
}
