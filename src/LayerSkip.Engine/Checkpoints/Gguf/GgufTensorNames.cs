namespace LayerSkip.Engine.Checkpoints.Gguf;

/// <summary>The names that GGUF gives the tensors of a Llama-family model.</summary>
internal static class GgufTensorNames
{
    /// <summary>Divisors of the rotary frequencies; no weight.</summary>
    public const string RopeFactors = "rope_freqs.weight";

    private const string LayerPrefix = "model.layers.";

    private static readonly Dictionary<string, string> s_ofModel = new(StringComparer.Ordinal)
    {
        ["model.embed_tokens"] = "token_embd",
        ["model.norm"] = "output_norm",
        ["lm_head"] = "output",
    };

    private static readonly Dictionary<string, string> s_ofLayer = new(StringComparer.Ordinal)
    {
        ["input_layernorm"] = "attn_norm",
        ["self_attn.q_proj"] = "attn_q",
        ["self_attn.k_proj"] = "attn_k",
        ["self_attn.v_proj"] = "attn_v",
        ["self_attn.o_proj"] = "attn_output",
        ["post_attention_layernorm"] = "ffn_norm",
        ["mlp.gate_proj"] = "ffn_gate",
        ["mlp.up_proj"] = "ffn_up",
        ["mlp.down_proj"] = "ffn_down",
    };

    /// <summary>The name of a tensor that Hugging Face names so; null where GGUF has none for it.</summary>
    public static string? Of(string name)
    {
        var dot = name.LastIndexOf('.');
        if (dot < 0)
        {
            return null;
        }

        var (owner, suffix) = (name[..dot], name[dot..]);
        if (!owner.StartsWith(LayerPrefix, StringComparison.Ordinal))
        {
            return s_ofModel.TryGetValue(owner, out var found) ? found + suffix : null;
        }

        var layer = owner[LayerPrefix.Length..];
        var end = layer.IndexOf('.', StringComparison.Ordinal);
        return end > 0 && s_ofLayer.TryGetValue(layer[(end + 1)..], out var ofLayer) ? $"blk.{layer[..end]}.{ofLayer}{suffix}" : null;
    }
}
