namespace LayerSkip.Engine.Checkpoints;

/// <summary>The shape of a Llama-family transformer, as <c>config.json</c> gives it.</summary>
public sealed record ModelConfig
{
    /// <summary><c>vocab_size</c>: rows of the embedding and of the head.</summary>
    public required int VocabularySize { get; init; }

    /// <summary><c>hidden_size</c>: width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary><c>intermediate_size</c>: width of the gated MLP.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary><c>num_hidden_layers</c>: L. An exit layer lies in 1 .. L - 1.</summary>
    public required int Layers { get; init; }

    /// <summary><c>num_attention_heads</c>: query heads, a multiple of <see cref="KeyValueHeads"/>.</summary>
    public required int AttentionHeads { get; init; }

    /// <summary><c>num_key_value_heads</c>: fewer than the query heads under grouped-query attention.</summary>
    public required int KeyValueHeads { get; init; }

    /// <summary><c>head_dim</c>: even; hidden size / query heads unless the file says otherwise.</summary>
    public required int HeadDimension { get; init; }

    /// <summary>The context length in tokens: <c>max_position_embeddings</c>, or <see cref="SlidingWindow"/>.</summary>
    public required int MaxPositions { get; init; }

    /// <summary>
    /// <c>sliding_window</c> of a Mistral model whose <c>max_position_embeddings</c> is greater, else null. Up to it attention sees every token, and longer contexts are
    /// not run.
    /// </summary>
    public int? SlidingWindow { get; init; }

    /// <summary>The <c>max_position_embeddings</c> beyond the window, for whoever writes the checkpoint again; null where there is no window.</summary>
    internal int? PositionsBeyondWindow { get; init; }

    /// <summary><c>rms_norm_eps</c>, positive.</summary>
    public float RmsNormEpsilon { get; init; } = 1e-5f;

    /// <summary><c>rope_theta</c>, positive: the base of the rotary frequencies.</summary>
    public float RopeTheta { get; init; } = 10000;

    /// <summary><c>rope_scaling</c>.</summary>
    public RopeScaling RopeScaling { get; init; } = new(RopeScalingKind.None);

    /// <summary><c>tie_word_embeddings</c>: the head shares the embedding's weights.</summary>
    public bool TiedEmbeddings { get; init; }

    /// <summary><c>attention_bias</c>: q, k, v and o projections have biases.</summary>
    public bool AttentionBias { get; init; }

    /// <summary><c>mlp_bias</c>: gate, up and down projections have biases.</summary>
    public bool MlpBias { get; init; }

    /// <summary><c>model_type</c>, such as <c>llama</c>.</summary>
    public string ModelType { get; init; } = "llama";
}
