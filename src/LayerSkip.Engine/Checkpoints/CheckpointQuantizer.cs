using System.Runtime.InteropServices;
using System.Text.Json;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Checkpoints;

/// <summary>Writes a checkpoint directory anew with quantised matrices.</summary>
internal static class CheckpointQuantizer
{
    /// <summary>Marks a checkpoint as one of these in <c>config.json</c>, so that other programs do not take its integers for weights.</summary>
    public const string Method = "layerskip";

    private const string QuantizationConfig = "quantization_config";

    /// <summary>Endings of files that hold weights or say where they are: all others are copied.</summary>
    private static readonly string[] s_weightFiles = [".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json", ".pt", ".pth", ".gguf", ".onnx", ".h5"];

    /// <summary>Writes the directory: in full, or not at all where it is new.</summary>
    /// <param name="source">The checkpoint, an open directory.</param>
    /// <param name="directory">The directory; it is created, or must be empty unless <paramref name="replace"/>. A symbolic link stays, and what it leads to is written.</param>
    /// <param name="dataType">What matrices become. Of four-bit checkpoints, embeddings and head become <see cref="TensorDataType.Int8"/>.</param>
    /// <param name="finer">Matrices that stay as they are.</param>
    /// <param name="replace">Whether files of a directory that is not empty may be replaced, each in one step.</param>
    /// <param name="progress">Told the share of the tensors written, 0..1.</param>
    /// <param name="cancellationToken">Looked at before each tensor.</param>
    /// <exception cref="CheckpointException">The source is quantised already, or a weight is not finite.</exception>
    /// <exception cref="IOException">The directory cannot be written, or is not empty.</exception>
    public static void Write(
        Checkpoint source,
        string directory,
        TensorDataType dataType,
        FinerWeights finer = FinerWeights.None,
        bool replace = false,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        directory = Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory));
        var target = FileTarget.Follow(directory);
        var exists = Directory.Exists(target);
        var empty = !exists || !Directory.EnumerateFileSystemEntries(target).Any();
        if (File.Exists(target) || target == FileTarget.Follow(Path.TrimEndingDirectorySeparator(source.Path)))
        {
            throw new IOException($"{directory}: {(File.Exists(target) ? "is a file" : "is the checkpoint itself")}, expected another directory");
        }

        if (!empty && !replace)
        {
            throw new IOException($"{directory}: is not empty, expected a new or an empty directory");
        }

        var temporary = $"{target}.{Guid.NewGuid():N}.tmp";
        try
        {
            Directory.CreateDirectory(temporary);
            CopyFiles(source.Path, temporary);
            QuantizedModelCard.Update(Path.Combine(temporary, QuantizedModelCard.FileName), source.Path, dataType, finer);
            WriteConfig(source.Path, temporary, dataType);
            WriteWeights(source, temporary, dataType, finer, progress, cancellationToken);
            Move(temporary, target, exists, empty);
        }
        finally
        {
            if (Directory.Exists(temporary))
            {
                Directory.Delete(temporary, recursive: true);
            }
        }
    }

    private static void Move(string temporary, string directory, bool exists, bool empty)
    {
        if (empty)
        {
            if (exists)
            {
                Directory.Delete(directory);
            }

            AtomicFile.MoveDirectory(temporary, directory);
            return;
        }

        // No config.json between the moves: a process that ends there leaves a directory that is refused, rather than a mixture of two checkpoints.
        var config = Path.Combine(temporary, ModelConfigReader.FileName);
        AtomicFile.Delete(Path.Combine(directory, ModelConfigReader.FileName));
        foreach (var file in Directory.GetFiles(temporary, "*", SearchOption.AllDirectories).OrderBy(file => file == config))
        {
            var target = Path.Combine(directory, Path.GetRelativePath(temporary, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            AtomicFile.Move(file, target);
        }
    }

    /// <summary>Tokenizer, chat templates, generation settings, licence: whatever lies beside the weights, a folder of templates among it.</summary>
    private static void CopyFiles(string source, string directory)
    {
        foreach (var folder in (string[])["", "additional_chat_templates"])
        {
            var from = new DirectoryInfo(Path.Combine(source, folder));
            if (!from.Exists)
            {
                continue;
            }

            var to = Directory.CreateDirectory(Path.Combine(directory, folder)).FullName;
            foreach (var file in from.EnumerateFiles().Where(file => !Array.Exists(s_weightFiles, file.Name.EndsWith)))
            {
                AtomicFile.Copy(file.FullName, Path.Combine(to, file.Name));
            }
        }
    }

    private static void WriteConfig(string source, string directory, TensorDataType dataType)
    {
        using var config = JsonDocument.Parse(JsonFile.ReadBytes(Path.Combine(source, ModelConfigReader.FileName)));
        AtomicFile.Write(Path.Combine(directory, ModelConfigReader.FileName), stream =>
        {
            using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, NewLine = "\n" });
            json.WriteStartObject();
            foreach (var property in config.RootElement.EnumerateObject().Where(property => property.Name != QuantizationConfig))
            {
                property.WriteTo(json);
            }

            json.WriteStartObject(QuantizationConfig);
            json.WriteString("quant_method", Method);
            json.WriteNumber("bits", dataType == TensorDataType.Int8 ? 8 : 4);
            json.WriteNumber("block_size", WeightBlocks.Size);
            json.WriteEndObject();
            json.WriteEndObject();
        });
    }

    private static void WriteWeights(
        Checkpoint source, string directory, TensorDataType dataType, FinerWeights finer, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        var writer = new SafetensorsWriter();
        var tensors = LlamaTensors.Of(source.Config).ToList();
        var written = 0;
        foreach (var expected in tensors)
        {
            var tensor = source.Weights.GetTensor(expected.Name, expected.Shape);
            if (WeightBlocks.AreIn(tensor.DataType))
            {
                throw new CheckpointException($"{source.Path}: tensor {ErrorText.Quote(tensor.Name)} is quantised already, expected F32, F16 or BF16: what the checkpoint was before");
            }

            var type = expected.Role == TensorRole.Matrix ? TypeOf(source.Config, tensor, dataType, finer) : tensor.DataType;
            if (WeightBlocks.AreIn(type))
            {
                Add(writer, tensor, type, Started);
            }
            else
            {
                writer.Add(tensor.Name, type, [.. tensor.Shape], (row, destination) =>
                {
                    Started(row);
                    tensor.ReadRow(row, destination);
                });
            }
        }

        writer.Write(Path.Combine(directory, SafetensorsWeightSource.SingleFileName));

        void Started(int row)
        {
            if (row == 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
                progress?.Report((double)written++ / tensors.Count);
            }
        }
    }

    /// <summary>As a device chooses when it quantises at load.</summary>
    private static TensorDataType TypeOf(ModelConfig config, WeightTensor tensor, TensorDataType dataType, FinerWeights finer)
    {
        var embeddings = tensor.Name == "model.embed_tokens.weight";
        var head = tensor.Name == "lm_head.weight" || (embeddings && config.TiedEmbeddings);
        return (embeddings && finer.HasFlag(FinerWeights.Embeddings)) || (head && finer.HasFlag(FinerWeights.Head)) ? tensor.DataType
            : embeddings || head ? TensorDataType.Int8
            : dataType;
    }

    private static void Add(SafetensorsWriter writer, WeightTensor tensor, TensorDataType type, Action<int> started)
    {
        var blocks = WeightBlocks.Count(tensor.Columns);
        var (weights, values, scales) = (new float[tensor.Columns], new sbyte[tensor.Columns], new float[blocks]);
        var stored = new byte[type == TensorDataType.Int8 ? tensor.Columns : blocks * QuantizedTensors.Int4BlockBytes];
        writer.Add(tensor.Name, type == TensorDataType.Int8 ? QuantizedTensors.Int8Type : QuantizedTensors.Int4Type, [tensor.Rows, stored.Length], stream =>
        {
            for (var row = 0; row < tensor.Rows; row++)
            {
                started(row);
                Quantize(row);
                if (type == TensorDataType.Int8)
                {
                    MemoryMarshal.AsBytes(values.AsSpan()).CopyTo(stored);
                }
                else
                {
                    QuantizedTensors.PackInt4(values, stored);
                }

                stream.Write(stored);
            }
        });
        writer.Add(QuantizedTensors.ScalesOf(tensor.Name), TensorDataType.F32, [tensor.Rows, blocks], (row, destination) =>
        {
            Quantize(row);
            scales.CopyTo(destination);
        });

        void Quantize(int row)
        {
            tensor.ReadRow(row, weights);
            WeightBlocks.Quantize(type, weights, values, scales);
            if (Array.FindIndex(scales, scale => !float.IsFinite(scale)) >= 0)
            {
                throw new CheckpointException($"tensor {ErrorText.Quote(tensor.Name)}: row {row} holds a NaN or an infinity, expected finite numbers: {type} has no others");
            }
        }
    }
}
