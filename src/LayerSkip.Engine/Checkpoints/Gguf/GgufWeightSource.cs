namespace LayerSkip.Engine.Checkpoints.Gguf;

/// <summary>The weights of a GGUF file of the <c>llama</c> architecture, by their Hugging Face names.</summary>
/// <param name="file">The file, which is disposed with the source.</param>
/// <param name="headDimension">Elements of a head: rows of the query and key projections are put back into Hugging Face's order.</param>
internal sealed class GgufWeightSource(GgufFile file, int headDimension) : WeightSource
{
    private const int MaxColumns = int.MaxValue / sizeof(float);

    private readonly Dictionary<string, GgufEntry> _tensors = file.Header.Tensors.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);

    /// <summary>Every tensor, by the file's own names and types.</summary>
    public IReadOnlyList<TensorInfo> Tensors =>
        [.. file.Header.Tensors.Select(tensor => new TensorInfo(
            tensor.Name, GgufTensorTypes.Find(tensor.Type)!.Value.Name, tensor.Shape, file.Name, tensor.Bytes))];

    public override bool Contains(string name) => GgufTensorNames.Of(name) is { } stored && _tensors.ContainsKey(stored);

    public override WeightTensor GetTensor(string name, params ReadOnlySpan<long> shape)
    {
        var stored = GgufTensorNames.Of(name) ?? name;
        if (!_tensors.TryGetValue(stored, out var entry))
        {
            var closest = string.Join(", ", ClosestNames.To(stored, _tensors.Keys).Select(other => ErrorText.Quote(other)));
            throw new CheckpointException(
                $"{file.Name}: tensor {ErrorText.Quote(stored)} is missing; {(closest.Length == 0 ? "there are no tensors" : $"closest names: {closest}")}");
        }

        if (!shape.SequenceEqual(entry.Shape))
        {
            throw new CheckpointException(
                $"{file.Name}: tensor {ErrorText.Quote(stored)} has shape {ErrorText.Shape(entry.Shape)}, expected {ErrorText.Shape(shape)}");
        }

        if (!Enum.IsDefined((GgufTensorType)entry.Type))
        {
            throw new CheckpointException(
                $"{file.Name}: tensor {ErrorText.Quote(stored)} has type {GgufTensorTypes.Find(entry.Type)!.Value.Name}, expected {GgufTensorTypes.Readable}");
        }

        if (shape.Length is not (1 or 2) || shape[0] > int.MaxValue || shape[^1] > MaxColumns)
        {
            throw new CheckpointException(
                $"{file.Name}: tensor {ErrorText.Quote(stored)} has shape {ErrorText.Shape(shape)}, expected a vector or a matrix with at most {MaxColumns} columns");
        }

        return new GgufTensor(file, entry, name, HeadInterleaving.Applies(name) ? headDimension : 0);
    }

    /// <summary>Refuses tensors that the model would leave out: they would compute something else.</summary>
    /// <exception cref="CheckpointException">There is such a tensor.</exception>
    public void RequireNothingElse(ModelConfig config)
    {
        var known = LlamaTensors.Of(config).Select(tensor => GgufTensorNames.Of(tensor.Name)).ToHashSet(StringComparer.Ordinal);
        foreach (var name in _tensors.Keys)
        {
            if (name != GgufTensorNames.RopeFactors && !known.Contains(name))
            {
                throw new CheckpointException($"{file.Name}: tensor {ErrorText.Quote(name)} is none of a model of architecture 'llama' with {config.Layers} layers");
            }
        }
    }

    public override void Dispose() => file.Dispose();
}
