namespace LayerSkip.Engine.Checkpoints;

/// <summary>The weights of a checkpoint directory: one safetensors file, or several under an index.</summary>
internal sealed class SafetensorsWeightSource : WeightSource
{
    /// <summary>The name of a checkpoint's only weight file.</summary>
    public const string SingleFileName = "model.safetensors";

    // A row is read into one array of float32; 2^28 elements are a gigabyte of it.
    private const long MaxColumns = 1 << 28;

    private readonly string _name;
    private readonly IReadOnlyList<SafetensorsFile> _files;
    private readonly Dictionary<string, (SafetensorsFile File, SafetensorsEntry Entry)> _tensors;
    private bool _disposed;

    private SafetensorsWeightSource(
        string name, IReadOnlyList<SafetensorsFile> files, Dictionary<string, (SafetensorsFile File, SafetensorsEntry Entry)> tensors)
    {
        _name = name;
        _files = files;
        _tensors = tensors;
        Tensors =
        [
            .. tensors.Values.Select(tensor => new TensorInfo(
                tensor.Entry.Name, tensor.Entry.DataType, tensor.Entry.Shape, tensor.File.Name, tensor.Entry.End - tensor.Entry.Begin)),
        ];
    }

    /// <summary>Every tensor, whether or not it can be read as a weight.</summary>
    public IReadOnlyList<TensorInfo> Tensors { get; }

    /// <summary>Opens <c>model.safetensors</c>, or where there is none the shards of <c>model.safetensors.index.json</c>.</summary>
    /// <exception cref="CheckpointException">Neither is there, or a file is damaged.</exception>
    public static SafetensorsWeightSource Open(string directory)
    {
        if (Path.Exists(Path.Combine(directory, SingleFileName)))
        {
            return OpenSingle(directory);
        }

        var index = Path.Combine(directory, SafetensorsIndex.FileName);
        if (Path.Exists(index))
        {
            return OpenShards(directory, SafetensorsIndex.Read(JsonSection.ReadFile(index)));
        }

        var expected = $"expected {SingleFileName} or {SafetensorsIndex.FileName}";
        var pickle = Array.Find(["pytorch_model.bin", "pytorch_model.bin.index.json"], name => Path.Exists(Path.Combine(directory, name)));
        throw new CheckpointException(pickle is null
            ? $"{directory}: holds no weights, {expected}"
            : $"{directory}: holds {pickle}, {expected}: pickle files can run code and are not read; convert the checkpoint to safetensors");
    }

    public override bool Contains(string name) => _tensors.ContainsKey(name);

    public override WeightTensor GetTensor(string name, params ReadOnlySpan<long> shape)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (!_tensors.TryGetValue(name, out var tensor))
        {
            var closest = string.Join(", ", ClosestNames.To(name, _tensors.Keys).Select(found => ErrorText.Quote(found)));
            throw new CheckpointException(
                $"{_name}: tensor {ErrorText.Quote(name)} is missing; {(closest.Length == 0 ? "there are no tensors" : $"closest names: {closest}")}");
        }

        var (file, entry) = tensor;
        if (entry.DataType is QuantizedTensors.Int8Type or QuantizedTensors.Int4Type && shape.Length == 2)
        {
            CheckSize(file, name, shape);
            return _tensors.TryGetValue(QuantizedTensors.ScalesOf(name), out var scales)
                ? new QuantizedSafetensorsTensor(file, entry, scales.File, scales.Entry, shape.ToArray())
                : throw new CheckpointException(
                    $"{file.Name}: tensor {ErrorText.Quote(name)} has dtype {entry.DataType}, but its scales, "
                    + $"tensor {ErrorText.Quote(QuantizedTensors.ScalesOf(name))}, are missing; expected both, or F32, F16 or BF16");
        }

        if (!shape.SequenceEqual(entry.Shape))
        {
            throw new CheckpointException(
                $"{file.Name}: tensor {ErrorText.Quote(name)} has shape {ErrorText.Shape(entry.Shape)}, expected {ErrorText.Shape(shape)}");
        }

        if (SafetensorsDataTypes.AsWeight(entry.DataType) is not { } type)
        {
            throw new CheckpointException(
                $"{file.Name}: tensor {ErrorText.Quote(name)} has dtype {entry.DataType}, expected F32, F16 or BF16");
        }

        CheckSize(file, name, shape);
        return new SafetensorsTensor(file, entry, type);
    }

    public override void Dispose()
    {
        _disposed = true;
        foreach (var file in _files)
        {
            file.Dispose();
        }
    }

    private static void CheckSize(SafetensorsFile file, string name, ReadOnlySpan<long> shape)
    {
        if (shape.Length is not (1 or 2) || shape[0] > int.MaxValue || shape[^1] > MaxColumns)
        {
            throw new CheckpointException(
                $"{file.Name}: tensor {ErrorText.Quote(name)} has shape {ErrorText.Shape(shape)}, expected a vector or a matrix with at most {MaxColumns} columns");
        }
    }

    private static SafetensorsWeightSource OpenSingle(string directory)
    {
        var file = SafetensorsFile.Open(Path.Combine(directory, SingleFileName));
        return new SafetensorsWeightSource(
            SingleFileName, [file], file.Header.Tensors.ToDictionary(entry => entry.Name, entry => (file, entry), StringComparer.Ordinal));
    }

    private static SafetensorsWeightSource OpenShards(string directory, IReadOnlyDictionary<string, string> weightMap)
    {
        var files = new List<SafetensorsFile>();
        try
        {
            var tensors = new Dictionary<string, (SafetensorsFile, SafetensorsEntry)>(StringComparer.Ordinal);
            foreach (var shard in weightMap.GroupBy(tensor => tensor.Value, tensor => tensor.Key))
            {
                var file = SafetensorsFile.Open(FindShard(directory, shard.Key));
                files.Add(file);
                var entries = file.Header.Tensors.ToDictionary(entry => entry.Name, StringComparer.Ordinal);
                foreach (var tensor in shard)
                {
                    tensors.Add(tensor, entries.TryGetValue(tensor, out var entry) ? (file, entry) : throw new CheckpointException(
                        $"{shard.Key}: tensor {ErrorText.Quote(tensor)} is missing, expected here by {SafetensorsIndex.FileName}"));
                }
            }

            return new SafetensorsWeightSource(SafetensorsIndex.FileName, files, tensors);
        }
        catch
        {
            files.ForEach(file => file.Dispose());
            throw;
        }
    }

    private static string FindShard(string directory, string shard)
    {
        var path = Path.Combine(directory, shard);
        return Path.Exists(path)
            ? path
            : throw new CheckpointException($"{ErrorText.Shorten(shard)}: does not exist in {directory}, expected by {SafetensorsIndex.FileName}");
    }
}
