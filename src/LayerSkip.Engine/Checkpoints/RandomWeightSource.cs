namespace LayerSkip.Engine.Checkpoints;

/// <summary>The weights of a synthetic model, drawn when they are read: for benchmarks and tests, without a checkpoint.</summary>
/// <remarks>
/// A row depends on the seed, the tensor's name and the row's number alone, on every machine. Matrices are close to normal
/// with a standard deviation of 1/sqrt(columns), so that activations keep their scale; norms are close to 1, biases to 0.
/// </remarks>
public sealed class RandomWeightSource : WeightSource
{
    private readonly Dictionary<string, ExpectedTensor> _tensors;
    private readonly ulong _seed;
    private readonly TensorDataType _dataType;

    /// <summary>Creates the weights of a model of this shape.</summary>
    /// <param name="config">The model's shape.</param>
    /// <param name="seed">Chooses the weights; any value.</param>
    /// <param name="dataType">How the weights claim to be stored, not quantised; their values are rounded to what that type can hold.</param>
    /// <exception cref="ArgumentException">The type is one of blocks.</exception>
    public RandomWeightSource(ModelConfig config, ulong seed, TensorDataType dataType = TensorDataType.BF16)
    {
        ArgumentNullException.ThrowIfNull(config);
        if (WeightBlocks.AreIn(dataType))
        {
            throw new ArgumentException($"Is {dataType}, expected F32, F16 or BF16.", nameof(dataType));
        }

        _tensors = LlamaTensors.Of(config).ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        _seed = seed;
        _dataType = dataType;
    }

    /// <inheritdoc/>
    public override bool Contains(string name) => _tensors.ContainsKey(name);

    /// <inheritdoc/>
    public override WeightTensor GetTensor(string name, params ReadOnlySpan<long> shape)
    {
        if (!_tensors.TryGetValue(name, out var tensor))
        {
            throw new CheckpointException($"random weights: the model has no tensor {ErrorText.Quote(name)}");
        }

        return shape.SequenceEqual(tensor.Shape)
            ? new RandomTensor(tensor, _seed, _dataType)
            : throw new CheckpointException(
                $"random weights: tensor {ErrorText.Quote(name)} has shape {ErrorText.Shape(tensor.Shape)}, expected {ErrorText.Shape(shape)}");
    }

    /// <summary>Does nothing: there is no file beneath.</summary>
    public override void Dispose()
    {
    }
}
