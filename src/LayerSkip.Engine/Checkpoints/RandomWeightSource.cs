namespace LayerSkip.Engine.Checkpoints;

/// <summary>The weights of a synthetic model, drawn when they are read: for benchmarks and tests, without a checkpoint.</summary>
/// <remarks>
/// A row depends on the seed, the tensor's name and the row's number alone, on every machine. Matrices are close to normal
/// with a standard deviation of 1/sqrt(columns), so that activations keep their scale; norms are close to 1, biases to 0.
/// </remarks>
public sealed class RandomWeightSource : WeightSource
{
    /// <summary>Of what a layer behind the exit adds: enough to be computed, too little to change many tokens.</summary>
    private const float Faint = 1f / 4096;

    /// <summary>A head of so large logits is sure of its choices: random ones are hardly apart.</summary>
    private const float Sure = 64;

    private static readonly string[] s_adding = ["self_attn.o_proj", "mlp.down_proj"];

    private readonly Dictionary<string, ExpectedTensor> _tensors;
    private readonly Dictionary<string, float> _shares = new(StringComparer.Ordinal);
    private readonly ulong _seed;
    private readonly TensorDataType _dataType;

    /// <summary>Creates the weights of a model of this shape.</summary>
    /// <param name="config">The model's shape.</param>
    /// <param name="seed">Chooses the weights; any value.</param>
    /// <param name="dataType">How the weights claim to be stored, not quantised; their values are rounded to what that type can hold.</param>
    /// <param name="exitLayer">
    /// An exit, 1..layers-1, that nearly always guesses what the full model writes, and is sure of it where the head is not tied: the best that a checkpoint can be trained to. The
    /// layers behind it are computed, but add next to nothing. Null: exits of random weights guess nothing.
    /// </param>
    /// <exception cref="ArgumentException">The type is one of blocks.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such exit.</exception>
    public RandomWeightSource(ModelConfig config, ulong seed, TensorDataType dataType = TensorDataType.BF16, int? exitLayer = null)
    {
        ArgumentNullException.ThrowIfNull(config);
        if (exitLayer is { } asked)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(asked, 1, nameof(exitLayer));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(asked, config.Layers, nameof(exitLayer));
        }

        if (WeightBlocks.AreIn(dataType))
        {
            throw new ArgumentException($"Is {dataType}, expected F32, F16 or BF16.", nameof(dataType));
        }

        _tensors = LlamaTensors.Of(config).ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        _seed = seed;
        _dataType = dataType;
        if (exitLayer is not { } exit)
        {
            return;
        }

        _shares.Add("lm_head.weight", Sure);
        for (var layer = exit; layer < config.Layers; layer++)
        {
            foreach (var adding in s_adding)
            {
                _shares.Add($"model.layers.{layer}.{adding}.weight", Faint);
                _shares.Add($"model.layers.{layer}.{adding}.bias", Faint);
            }
        }
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
            ? new RandomTensor(tensor, _seed, _dataType, _shares.GetValueOrDefault(name, 1))
            : throw new CheckpointException(
                $"random weights: tensor {ErrorText.Quote(name)} has shape {ErrorText.Shape(tensor.Shape)}, expected {ErrorText.Shape(shape)}");
    }

    /// <summary>Does nothing: there is no file beneath.</summary>
    public override void Dispose()
    {
    }
}
