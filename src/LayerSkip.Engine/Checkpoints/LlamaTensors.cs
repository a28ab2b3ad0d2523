namespace LayerSkip.Engine.Checkpoints;

/// <summary>The tensors of a Llama-family model: names and shapes, in the order in which a forward pass meets them.</summary>
internal static class LlamaTensors
{
    /// <summary>Every tensor that the configuration implies; a tied head is none, even where a file carries one.</summary>
    public static IEnumerable<ExpectedTensor> Of(ModelConfig config)
    {
        yield return new("model.embed_tokens.weight", TensorRole.Matrix, config.VocabularySize, config.HiddenSize);
        for (var layer = 0; layer < config.Layers; layer++)
        {
            foreach (var tensor in OfLayer(config, layer))
            {
                yield return tensor;
            }
        }

        yield return new("model.norm.weight", TensorRole.Norm, config.HiddenSize);
        if (!config.TiedEmbeddings)
        {
            yield return new("lm_head.weight", TensorRole.Matrix, config.VocabularySize, config.HiddenSize);
        }
    }

    private static IEnumerable<ExpectedTensor> OfLayer(ModelConfig config, int layer)
    {
        var prefix = $"model.layers.{layer}.";
        var hidden = config.HiddenSize;
        var intermediate = config.IntermediateSize;
        var queries = config.AttentionHeads * config.HeadDimension;
        var keys = config.KeyValueHeads * config.HeadDimension;

        return
        [
            new(prefix + "input_layernorm.weight", TensorRole.Norm, hidden),
            .. Projection(prefix + "self_attn.q_proj", queries, hidden, config.AttentionBias),
            .. Projection(prefix + "self_attn.k_proj", keys, hidden, config.AttentionBias),
            .. Projection(prefix + "self_attn.v_proj", keys, hidden, config.AttentionBias),
            .. Projection(prefix + "self_attn.o_proj", hidden, queries, config.AttentionBias),
            new(prefix + "post_attention_layernorm.weight", TensorRole.Norm, hidden),
            .. Projection(prefix + "mlp.gate_proj", intermediate, hidden, config.MlpBias),
            .. Projection(prefix + "mlp.up_proj", intermediate, hidden, config.MlpBias),
            .. Projection(prefix + "mlp.down_proj", hidden, intermediate, config.MlpBias),
        ];
    }

    private static IEnumerable<ExpectedTensor> Projection(string name, int rows, int columns, bool bias)
    {
        yield return new(name + ".weight", TensorRole.Matrix, rows, columns);
        if (bias)
        {
            yield return new(name + ".bias", TensorRole.Bias, rows);
        }
    }
}
