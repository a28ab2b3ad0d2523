namespace LayerSkip.Engine.Checkpoints.Gguf;

/// <summary>The keys of a GGUF file's metadata that the engine reads and writes; <c>layerskip.*</c> are its own.</summary>
internal static class GgufKeys
{
    public const string Architecture = "general.architecture";
    public const string Kind = "general.type";
    public const string Name = "general.name";
    public const string Alignment = "general.alignment";
    public const string FileType = "general.file_type";
    public const string QuantizationVersion = "general.quantization_version";
    public const string SplitCount = "split.count";

    public const string SamplingTemperature = "general.sampling.temp";
    public const string SamplingTopK = "general.sampling.top_k";
    public const string SamplingTopP = "general.sampling.top_p";
    public const string SamplingMinP = "general.sampling.min_p";

    public const string VocabularySize = "llama.vocab_size";
    public const string ContextLength = "llama.context_length";
    public const string EmbeddingLength = "llama.embedding_length";
    public const string BlockCount = "llama.block_count";
    public const string FeedForwardLength = "llama.feed_forward_length";
    public const string HeadCount = "llama.attention.head_count";
    public const string HeadCountKv = "llama.attention.head_count_kv";
    public const string KeyLength = "llama.attention.key_length";
    public const string ValueLength = "llama.attention.value_length";
    public const string RmsEpsilon = "llama.attention.layer_norm_rms_epsilon";
    public const string SlidingWindow = "llama.attention.sliding_window";
    public const string AttentionScale = "llama.attention.scale";
    public const string ExpertCount = "llama.expert_count";
    public const string RopeDimensions = "llama.rope.dimension_count";
    public const string RopeBase = "llama.rope.freq_base";
    public const string RopeScalingType = "llama.rope.scaling.type";
    public const string RopeScalingFactor = "llama.rope.scaling.factor";
    public const string RopeScaleLinear = "llama.rope.scale_linear";
    public const string RopeOriginalContext = "llama.rope.scaling.original_context_length";

    public const string TokenizerModel = "tokenizer.ggml.model";
    public const string PreTokenizer = "tokenizer.ggml.pre";
    public const string Tokens = "tokenizer.ggml.tokens";
    public const string TokenTypes = "tokenizer.ggml.token_type";
    public const string Scores = "tokenizer.ggml.scores";
    public const string Merges = "tokenizer.ggml.merges";
    public const string BeginId = "tokenizer.ggml.bos_token_id";
    public const string EndId = "tokenizer.ggml.eos_token_id";
    public const string EndOfTurnId = "tokenizer.ggml.eot_token_id";
    public const string EndOfMessageId = "tokenizer.ggml.eom_token_id";
    public const string UnknownId = "tokenizer.ggml.unknown_token_id";
    public const string PadId = "tokenizer.ggml.padding_token_id";
    public const string AddBegin = "tokenizer.ggml.add_bos_token";
    public const string AddEnd = "tokenizer.ggml.add_eos_token";
    public const string AddSpacePrefix = "tokenizer.ggml.add_space_prefix";
    public const string ChatTemplate = "tokenizer.chat_template";
    public const string ToolTemplate = "tokenizer.chat_template.tool_use";
    public const string TemplateNames = "tokenizer.chat_templates";

    public const string ExitLayer = "layerskip.exit_layer";
    public const string NumSpeculations = "layerskip.num_speculations";
    public const string DraftController = "layerskip.draft_controller";
    public const string DraftThreshold = "layerskip.draft_threshold";
    public const string DraftSource = "layerskip.draft_source";
    public const string DraftWeights = "layerskip.draft_weights";
    public const string DraftVocabulary = "layerskip.draft_vocabulary";
    public const string ModelType = "layerskip.model_type";
    public const string EndIds = "layerskip.eos_token_ids";
    public const string DoSample = "layerskip.do_sample";
    public const string MaxNewTokens = "layerskip.max_new_tokens";
    public const string RopeFactor = "layerskip.rope.factor";
    public const string RopeLowFactor = "layerskip.rope.low_freq_factor";
    public const string RopeHighFactor = "layerskip.rope.high_freq_factor";
}
