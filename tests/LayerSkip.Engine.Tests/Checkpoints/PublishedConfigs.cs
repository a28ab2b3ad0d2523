using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Tests.Checkpoints;

/// <summary>The shapes of the published LayerSkip checkpoints, as their <c>config.json</c> spells them, and what they are to be read as.</summary>
internal static class PublishedConfigs
{
    public static TheoryData<string> Names => [.. All.Keys];

    public static IReadOnlyDictionary<string, (string Json, ModelConfig Config)> All { get; } = new Dictionary<string, (string, ModelConfig)>
    {
        ["facebook/layerskip-llama2-7B"] = (
            """
            {
              "architectures": ["LlamaForCausalLM"],
              "attention_bias": false,
              "attention_dropout": 0.0,
              "bos_token_id": 1,
              "eos_token_id": 2,
              "hidden_act": "silu",
              "hidden_size": 4096,
              "initializer_range": 0.02,
              "intermediate_size": 11008,
              "max_position_embeddings": 4096,
              "mlp_bias": false,
              "model_type": "llama",
              "num_attention_heads": 32,
              "num_hidden_layers": 32,
              "num_key_value_heads": 32,
              "pretraining_tp": 1,
              "rms_norm_eps": 1e-05,
              "rope_scaling": null,
              "rope_theta": 10000.0,
              "tie_word_embeddings": false,
              "torch_dtype": "float16",
              "transformers_version": "4.44.2",
              "use_cache": true,
              "vocab_size": 32000
            }
            """,
            Llama2),
        ["facebook/layerskip-codellama-7B"] = (
            """
            {
              "architectures": ["LlamaForCausalLM"],
              "bos_token_id": 1,
              "eos_token_id": 2,
              "hidden_act": "silu",
              "hidden_size": 4096,
              "initializer_range": 0.02,
              "intermediate_size": 11008,
              "max_position_embeddings": 16384,
              "model_type": "llama",
              "num_attention_heads": 32,
              "num_hidden_layers": 32,
              "num_key_value_heads": 32,
              "pretraining_tp": 1,
              "rms_norm_eps": 1e-05,
              "rope_scaling": null,
              "rope_theta": 1000000,
              "tie_word_embeddings": false,
              "torch_dtype": "bfloat16",
              "use_cache": true,
              "vocab_size": 32016
            }
            """,
            Llama2 with { VocabularySize = 32016, MaxPositions = 16384, RopeTheta = 1_000_000 }),
        ["facebook/layerskip-llama3-8B"] = (
            """
            {
              "architectures": ["LlamaForCausalLM"],
              "attention_bias": false,
              "attention_dropout": 0.0,
              "bos_token_id": 128000,
              "eos_token_id": 128001,
              "hidden_act": "silu",
              "hidden_size": 4096,
              "initializer_range": 0.02,
              "intermediate_size": 14336,
              "max_position_embeddings": 8192,
              "model_type": "llama",
              "num_attention_heads": 32,
              "num_hidden_layers": 32,
              "num_key_value_heads": 8,
              "pretraining_tp": 1,
              "rms_norm_eps": 1e-05,
              "rope_scaling": null,
              "rope_theta": 500000.0,
              "tie_word_embeddings": false,
              "torch_dtype": "bfloat16",
              "use_cache": true,
              "vocab_size": 128256
            }
            """,
            new ModelConfig
            {
                VocabularySize = 128256,
                HiddenSize = 4096,
                IntermediateSize = 14336,
                Layers = 32,
                AttentionHeads = 32,
                KeyValueHeads = 8,
                HeadDimension = 128,
                MaxPositions = 8192,
                RmsNormEpsilon = 1e-5f,
                RopeTheta = 500_000,
            }),
        ["facebook/layerskip-llama3.2-1B"] = (
            """
            {
              "architectures": ["LlamaForCausalLM"],
              "attention_bias": false,
              "attention_dropout": 0.0,
              "bos_token_id": 128000,
              "eos_token_id": 128001,
              "head_dim": 64,
              "hidden_act": "silu",
              "hidden_size": 2048,
              "initializer_range": 0.02,
              "intermediate_size": 8192,
              "max_position_embeddings": 131072,
              "mlp_bias": false,
              "model_type": "llama",
              "num_attention_heads": 32,
              "num_hidden_layers": 16,
              "num_key_value_heads": 8,
              "pretraining_tp": 1,
              "rms_norm_eps": 1e-05,
              "rope_scaling": {
                "factor": 32.0,
                "high_freq_factor": 4.0,
                "low_freq_factor": 1.0,
                "original_max_position_embeddings": 8192,
                "rope_type": "llama3"
              },
              "rope_theta": 500000.0,
              "tie_word_embeddings": true,
              "torch_dtype": "bfloat16",
              "use_cache": true,
              "vocab_size": 128256
            }
            """,
            new ModelConfig
            {
                VocabularySize = 128256,
                HiddenSize = 2048,
                IntermediateSize = 8192,
                Layers = 16,
                AttentionHeads = 32,
                KeyValueHeads = 8,
                HeadDimension = 64,
                MaxPositions = 131072,
                RmsNormEpsilon = 1e-5f,
                RopeTheta = 500_000,
                RopeScaling = new RopeScaling(RopeScalingKind.Llama3, 32, 1, 4, 8192),
                TiedEmbeddings = true,
            }),
    };

    private static ModelConfig Llama2 => new()
    {
        VocabularySize = 32000,
        HiddenSize = 4096,
        IntermediateSize = 11008,
        Layers = 32,
        AttentionHeads = 32,
        KeyValueHeads = 32,
        HeadDimension = 128,
        MaxPositions = 4096,
        RmsNormEpsilon = 1e-5f,
        RopeTheta = 10_000,
    };
}
