using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Sampling;

namespace LayerSkip.Engine.Checkpoints;

/// <summary>What a checkpoint itself says about generation: <c>generation_config.json</c>, completed from <c>config.json</c>.</summary>
public sealed record GenerationDefaults
{
    /// <summary><c>bos_token_id</c>, or null.</summary>
    public int? BeginOfSequenceId { get; init; }

    /// <summary><c>eos_token_id</c>: one id or several; generation stops at the earliest of any of them. Union of both files.</summary>
    public IReadOnlyList<int> EndOfSequenceIds { get; init; } = [];

    /// <summary><c>pad_token_id</c>, or null.</summary>
    public int? PadId { get; init; }

    /// <summary><c>do_sample</c>: false means greedy; null where the file is silent.</summary>
    public bool? Sample { get; init; }

    /// <summary><c>temperature</c>, or null.</summary>
    public float? Temperature { get; init; }

    /// <summary><c>top_k</c>, or null.</summary>
    public int? TopK { get; init; }

    /// <summary><c>top_p</c>, or null; 0 keeps the likeliest token only, 1 all.</summary>
    public float? TopP { get; init; }

    /// <summary><c>min_p</c>, or null; 0 keeps all.</summary>
    public float? MinP { get; init; }

    /// <summary>
    /// The checkpoint's way of choosing tokens: greedy unless <c>do_sample</c> is true; then its temperature, else 1. Top-k, top-p and min-p are the checkpoint's,
    /// off where it is silent (of top-k Hugging Face's transformers then take 50); a top-k of 0 is off, too, a top-p of 0 takes the likeliest token only.
    /// </summary>
    public SamplingOptions Sampling => new()
    {
        Temperature = Sample == true ? Temperature ?? 1 : 0,

        // An empty nucleus still keeps the most likely token.
        TopK = TopP == 0 ? 1 : TopK ?? 0,
        TopP = TopP is { } topP and > 0 ? topP : 1,
        MinP = MinP ?? 0,
    };

    /// <summary><c>max_new_tokens</c>, or null.</summary>
    public int? MaxNewTokens { get; init; }

    /// <summary><c>layerskip.exit_layer</c>: the exit layer E the checkpoint asks to be drafted with, L with coarse <see cref="DraftWeights"/> alone, or null.</summary>
    public int? ExitLayer { get; init; }

    /// <summary><c>layerskip.num_speculations</c>: the speculation length d the checkpoint asks for, or null. 0: to decode autoregressively, unless a request asks for drafts.</summary>
    public int? NumSpeculations { get; init; }

    /// <summary><c>layerskip.draft_controller</c>: the draft controller the checkpoint asks for, such as <c>auto</c>, or null.</summary>
    public DraftController? DraftController { get; init; }

    /// <summary><c>layerskip.draft_threshold</c>: the threshold that its controller takes, in 0 .. 1, or null.</summary>
    public float? DraftThreshold { get; init; }

    /// <summary><c>layerskip.draft_source</c>: where drafts come from, such as <c>combined</c>, or null.</summary>
    public DraftSource? DraftSource { get; init; }

    /// <summary><c>layerskip.draft_weights</c>: by which weights drafts run the layers below their exit, such as <c>int4</c>, or null.</summary>
    public DraftWeights? DraftWeights { get; init; }

    /// <summary>
    /// <c>layerskip.draft_vocabulary</c>: the token ids that greedy drafts choose among, beside the prompt's own; empty: the whole vocabulary.
    /// A shorter list makes drafting faster and never changes the output, since the full model, which verifies, knows all tokens.
    /// </summary>
    public IReadOnlyList<int> DraftVocabulary { get; init; } = [];
}
