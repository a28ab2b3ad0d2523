using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Training.Models;

/// <summary>What a model's shape must be for its training; a shape need not come from a checkpoint that was checked already.</summary>
internal static class TrainableShape
{
    /// <exception cref="ArgumentException">A size is not positive, or sizes contradict one another; the message names the field.</exception>
    /// <exception cref="NotSupportedException">The projections have biases.</exception>
    public static void Check(ModelConfig config)
    {
        foreach (var (name, value) in new[]
        {
            ("vocab_size", config.VocabularySize), ("hidden_size", config.HiddenSize), ("intermediate_size", config.IntermediateSize),
            ("num_hidden_layers", config.Layers), ("num_attention_heads", config.AttentionHeads),
            ("num_key_value_heads", config.KeyValueHeads), ("head_dim", config.HeadDimension), ("max_position_embeddings", config.MaxPositions),
        })
        {
            if (value < 1)
            {
                throw new ArgumentException($"{name} is {value}, expected at least 1.", nameof(config));
            }
        }

        if (config.AttentionHeads % config.KeyValueHeads != 0)
        {
            throw new ArgumentException(
                $"num_attention_heads is {config.AttentionHeads}, expected a multiple of num_key_value_heads, {config.KeyValueHeads}.", nameof(config));
        }

        if (config.HeadDimension % 2 != 0)
        {
            throw new ArgumentException($"head_dim is {config.HeadDimension}, expected an even number.", nameof(config));
        }

        if (config.AttentionBias || config.MlpBias)
        {
            throw new NotSupportedException($"training covers projections without biases, but {(config.AttentionBias ? "attention_bias" : "mlp_bias")} is true");
        }
    }
}
