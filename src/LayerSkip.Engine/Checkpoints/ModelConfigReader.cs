namespace LayerSkip.Engine.Checkpoints;

/// <summary>Reads <c>config.json</c> into a <see cref="ModelConfig"/>; fields that are absent take Hugging Face's defaults.</summary>
internal static class ModelConfigReader
{
    /// <summary>The file's name in a checkpoint directory.</summary>
    public const string FileName = "config.json";

    // Far above any real model and far below anything that overflows: 16M x 1M elements of a matrix fit a long many times.
    /// <summary>Most layers of a model.</summary>
    public const int MaxLayers = 10_000;

    /// <summary>Largest hidden or intermediate size, and number of heads.</summary>
    public const int MaxWidth = 1 << 20;

    /// <summary>Most tokens of a vocabulary.</summary>
    public const int MaxVocabulary = 1 << 24;

    /// <summary>Longest context.</summary>
    public const int MaxPositions = 1 << 30;

    /// <summary>Reads and checks every field.</summary>
    /// <exception cref="CheckpointException">A field is missing, out of range or of a kind the engine does not run.</exception>
    public static ModelConfig Read(JsonSection json)
    {
        var modelType = ReadModelType(json);
        RefuseWhatWouldComputeSomethingElse(json);

        var hidden = json.Integer("hidden_size", 1, MaxWidth);
        var heads = json.Integer("num_attention_heads", 1, MaxWidth);
        var keyValueHeads = json.IntegerOrNull("num_key_value_heads", 1, MaxWidth) ?? heads;
        if (heads % keyValueHeads != 0)
        {
            throw json.Wrong("num_key_value_heads", $"a divisor of num_attention_heads, which is {heads}");
        }

        var config = new ModelConfig
        {
            ModelType = modelType,
            VocabularySize = json.Integer("vocab_size", 1, MaxVocabulary),
            HiddenSize = hidden,
            IntermediateSize = json.Integer("intermediate_size", 1, MaxWidth),
            Layers = json.Integer("num_hidden_layers", 1, MaxLayers),
            AttentionHeads = heads,
            KeyValueHeads = keyValueHeads,
            HeadDimension = ReadHeadDimension(json, hidden, heads),
            MaxPositions = json.IntegerOrNull("max_position_embeddings", 1, MaxPositions) ?? 2048,
            RmsNormEpsilon = json.NumberOrNull("rms_norm_eps", value => value > 0, "a positive number") ?? 1e-6f,
            RopeTheta = RopeScalingReader.ReadTheta(json),
            RopeScaling = RopeScalingReader.Read(json),
            TiedEmbeddings = json.BooleanOrNull("tie_word_embeddings") ?? false,
            AttentionBias = json.BooleanOrNull("attention_bias") ?? false,
            MlpBias = json.BooleanOrNull("mlp_bias") ?? false,
        };

        return modelType == "mistral" && ReadSlidingWindow(json, config.MaxPositions) is { } window
            ? config with { MaxPositions = window, SlidingWindow = window, PositionsBeyondWindow = config.MaxPositions }
            : config;
    }

    /// <summary>The class name that Hugging Face gives a model type the engine runs.</summary>
    public static string ArchitectureOf(string modelType) => modelType switch
    {
        "llama" => "LlamaForCausalLM",
        "mistral" => "MistralForCausalLM",
        _ => throw new ArgumentException($"Model type {ErrorText.Quote(modelType)} is not run by the engine; expected 'llama' or 'mistral'.", nameof(modelType)),
    };

    private static string ReadModelType(JsonSection json)
    {
        var modelType = json.TextOrNull("model_type");
        var architectures = json.TextsOrNull("architectures");
        if (modelType is null && architectures is null)
        {
            throw json.Missing("model_type", "'llama' or 'mistral'");
        }

        modelType ??= architectures!.Contains(ArchitectureOf("mistral")) ? "mistral" : "llama";
        if (modelType is not ("llama" or "mistral"))
        {
            throw json.Wrong("model_type", "'llama' or 'mistral'");
        }

        // A classifier or a reward model of the same family has another head.
        var architecture = ArchitectureOf(modelType);
        if (architectures is not null && !architectures.Contains(architecture))
        {
            throw json.Wrong("architectures", $"""["{architecture}"]""");
        }

        return modelType;
    }

    private static void RefuseWhatWouldComputeSomethingElse(JsonSection json)
    {
        if (json.SectionOrNull("quantization_config") is { } quantization && quantization.TextOrNull("quant_method") != CheckpointQuantizer.Method)
        {
            throw json.Wrong("quantization_config", $"none, or one of quant_method '{CheckpointQuantizer.Method}': others' quantised checkpoints are not read");
        }

        if (json.TextOrNull("hidden_act") is not (null or "silu"))
        {
            throw json.Wrong("hidden_act", "'silu'");
        }

        json.NumberOrNull("partial_rotary_factor", value => value == 1, "1: every dimension of a head is rotated");
    }

    private static int ReadHeadDimension(JsonSection json, int hidden, int heads)
    {
        if (json.IntegerOrNull("head_dim", 2, MaxWidth) is not { } headDimension)
        {
            if (hidden % heads != 0)
            {
                throw json.Wrong("hidden_size", $"a multiple of num_attention_heads, which is {heads}, where head_dim is absent");
            }

            headDimension = hidden / heads;
            return headDimension % 2 == 0
                ? headDimension
                : throw json.Wrong("hidden_size", $"an even multiple of num_attention_heads, which is {heads}, where head_dim is absent");
        }

        if (headDimension % 2 != 0)
        {
            throw json.Wrong("head_dim", "an even number");
        }

        return (long)heads * headDimension <= MaxWidth
            ? headDimension
            : throw json.Wrong("head_dim", $"at most {MaxWidth} / num_attention_heads, which is {heads}");
    }

    /// <summary>Mistral is Llama's shape as long as no window cuts attention short: the window where one would, 4096 where the field is absent.</summary>
    private static int? ReadSlidingWindow(JsonSection json, int maxPositions)
    {
        const int Absent = 4096;

        // Mistral's own defaults differ from Llama's, which stand above.
        _ = json.Integer("num_key_value_heads", 1, MaxWidth);
        _ = json.Integer("max_position_embeddings", 1, MaxPositions);

        var window = json.HasNull("sliding_window") ? int.MaxValue : json.IntegerOrNull("sliding_window", 1, int.MaxValue) ?? Absent;
        return window < maxPositions ? window : null;
    }
}
