namespace LayerSkip.AI;

/// <summary>Keys of <c>AdditionalProperties</c>: settings of requests, figures of responses.</summary>
internal static class PropertyNames
{
    // Of requests and responses.
    public const string ExitLayer = "exit_layer";
    public const string NumSpeculations = "num_speculations";
    public const string DecodingMode = "decoding_mode";
    public const string DraftController = "draft_controller";

    /// <summary>Asks for log-probabilities, and holds them.</summary>
    public const string LogProbabilities = "logprobs";

    // Of requests.
    public const string DraftThreshold = "draft_threshold";
    public const string DraftSource = "draft_source";
    public const string DraftWeights = "draft_weights";
    public const string MinP = "min_p";
    public const string TopLogProbabilities = "top_logprobs";
    public const string PrefixScope = "prefix_scope";
    public const string TemplateVariables = "chat_template_kwargs";

    // Of responses.
    public const string MeanExitLayer = "mean_exit_layer";
    public const string AcceptanceRate = "acceptance_rate";
    public const string TokensPerRound = "tokens_per_round";
    public const string PrefillMilliseconds = "prefill_ms";
    public const string DecodeMilliseconds = "decode_ms";
    public const string TokensPerSecond = "tokens_per_second";
    public const string MillisecondsPerToken = "time_per_token_ms";
}
