namespace LayerSkip.AI.Telemetry;

/// <summary>Attributes of spans and measurements: OpenTelemetry's for generative AI, and the library's own.</summary>
internal static class AttributeNames
{
    public const string ErrorType = "error.type";
    public const string OperationName = "gen_ai.operation.name";
    public const string ProviderName = "gen_ai.provider.name";
    public const string TokenType = "gen_ai.token.type";

    public const string RequestModel = "gen_ai.request.model";
    public const string RequestMaxTokens = "gen_ai.request.max_tokens";
    public const string RequestTemperature = "gen_ai.request.temperature";
    public const string RequestTopK = "gen_ai.request.top_k";
    public const string RequestTopP = "gen_ai.request.top_p";
    public const string RequestSeed = "gen_ai.request.seed";
    public const string RequestStopSequences = "gen_ai.request.stop_sequences";

    public const string ResponseId = "gen_ai.response.id";
    public const string ResponseModel = "gen_ai.response.model";
    public const string ResponseFinishReasons = "gen_ai.response.finish_reasons";

    public const string DimensionCount = "gen_ai.embeddings.dimension.count";

    public const string UsageInputTokens = "gen_ai.usage.input_tokens";
    public const string UsageOutputTokens = "gen_ai.usage.output_tokens";
    public const string UsageCachedTokens = "gen_ai.usage.cache_read.input_tokens";
    public const string UsageReasoningTokens = "gen_ai.usage.reasoning.output_tokens";

    public const string DecodingMode = "layerskip.decoding_mode";
    public const string ExitLayer = "layerskip.exit_layer";
    public const string NumSpeculations = "layerskip.num_speculations";
    public const string AcceptanceRate = "layerskip.acceptance_rate";
    public const string DraftTokens = "layerskip.draft.tokens";
    public const string AcceptedTokens = "layerskip.draft.accepted_tokens";
    public const string DraftOutcome = "layerskip.draft.outcome";
    public const string TimeToFirstToken = "layerskip.time_to_first_token";
}
