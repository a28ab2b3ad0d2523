using System.Text.Json;

namespace LayerSkip.Engine.Checkpoints;

/// <summary>Writes a checkpoint directory that <see cref="Checkpoint.Open"/> and Hugging Face libraries read.</summary>
public static class CheckpointWriter
{
    /// <summary>Writes <c>config.json</c>, <c>generation_config.json</c> and <c>model.safetensors</c>.</summary>
    /// <remarks>All three are written beside their places first and then moved, <c>config.json</c> last, an earlier one of which is taken away before: what cannot be written
    /// leaves an earlier checkpoint whole, and a process that ends between the moves leaves one without <c>config.json</c>, which is refused, rather than a mixture.</remarks>
    /// <param name="directory">The directory; created where it does not exist.</param>
    /// <param name="config">The model's shape.</param>
    /// <param name="generation">What the checkpoint says about generation.</param>
    /// <param name="weights">Where the tensors that <paramref name="config"/> implies are copied from.</param>
    /// <param name="dataType">How to store them, not in blocks.</param>
    /// <exception cref="ArgumentException">The type is one of blocks, or the model type is not one that the engine runs.</exception>
    /// <exception cref="CheckpointException"><paramref name="weights"/> lacks a tensor.</exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public static void Write(
        string directory, ModelConfig config, GenerationDefaults generation, WeightSource weights, TensorDataType dataType)
    {
        Check(directory, config, generation);
        ArgumentNullException.ThrowIfNull(weights);
        var writer = new SafetensorsWriter();
        foreach (var tensor in LlamaTensors.Of(config))
        {
            writer.Add(weights.GetTensor(tensor.Name, tensor.Shape), dataType);
        }

        Directory.CreateDirectory(directory);
        AtomicFile.WriteAll(
        [
            (Path.Combine(directory, SafetensorsWeightSource.SingleFileName), writer.WriteTo),
            .. ConfigFiles(directory, config, generation, dataType),
        ]);
    }

    /// <summary>Writes <c>config.json</c> and <c>generation_config.json</c>.</summary>
    /// <param name="directory">The directory; created where it does not exist.</param>
    /// <param name="config">The model's shape.</param>
    /// <param name="generation">What the checkpoint says about generation.</param>
    /// <param name="dataType">How its weights are stored, which <c>config.json</c> mentions.</param>
    /// <exception cref="ArgumentException">The model type is not one that the engine runs.</exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public static void WriteConfig(string directory, ModelConfig config, GenerationDefaults generation, TensorDataType dataType)
    {
        Check(directory, config, generation);
        Directory.CreateDirectory(directory);
        AtomicFile.WriteAll(ConfigFiles(directory, config, generation, dataType));
    }

    private static void Check(string directory, ModelConfig config, GenerationDefaults generation)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(generation);
    }

    private static (string Path, Action<Stream> Write)[] ConfigFiles(
        string directory, ModelConfig config, GenerationDefaults generation, TensorDataType dataType) =>
    [
        (Path.Combine(directory, GenerationDefaultsReader.FileName), stream => WriteObject(stream, json =>
        {
            WriteTokenIds(json, generation);
            WriteSampling(json, generation);
        })),
        (Path.Combine(directory, ModelConfigReader.FileName), stream => WriteObject(stream, json =>
        {
            WriteModel(json, config, dataType);
            WriteTokenIds(json, generation);
        })),
    ];

    private static void WriteObject(Stream stream, Action<Utf8JsonWriter> writeFields)
    {
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, NewLine = "\n" });
        json.WriteStartObject();
        writeFields(json);
        json.WriteEndObject();
    }

    private static void WriteModel(Utf8JsonWriter json, ModelConfig config, TensorDataType dataType)
    {
        json.WriteStartArray("architectures");
        json.WriteStringValue(ModelConfigReader.ArchitectureOf(config.ModelType));
        json.WriteEndArray();
        json.WriteString("model_type", config.ModelType);
        json.WriteNumber("vocab_size", config.VocabularySize);
        json.WriteNumber("hidden_size", config.HiddenSize);
        json.WriteNumber("intermediate_size", config.IntermediateSize);
        json.WriteNumber("num_hidden_layers", config.Layers);
        json.WriteNumber("num_attention_heads", config.AttentionHeads);
        json.WriteNumber("num_key_value_heads", config.KeyValueHeads);
        json.WriteNumber("head_dim", config.HeadDimension);
        json.WriteNumber("max_position_embeddings", config.PositionsBeyondWindow ?? config.MaxPositions);
        json.WriteString("hidden_act", "silu");
        json.WriteNumber("rms_norm_eps", config.RmsNormEpsilon);
        json.WriteNumber("rope_theta", config.RopeTheta);
        WriteRopeScaling(json, config.RopeScaling);
        json.WriteBoolean("tie_word_embeddings", config.TiedEmbeddings);
        json.WriteBoolean("attention_bias", config.AttentionBias);
        json.WriteBoolean("mlp_bias", config.MlpBias);
        if (config.ModelType == "mistral")
        {
            // Where the field is absent, Mistral's window is not "none".
            if (config.SlidingWindow is { } window)
            {
                json.WriteNumber("sliding_window", window);
            }
            else
            {
                json.WriteNull("sliding_window");
            }
        }

        json.WriteString("torch_dtype", dataType switch
        {
            TensorDataType.F32 => "float32",
            TensorDataType.F16 => "float16",
            _ => "bfloat16",
        });
    }

    private static void WriteRopeScaling(Utf8JsonWriter json, RopeScaling scaling)
    {
        if (scaling.Kind == RopeScalingKind.None)
        {
            json.WriteNull("rope_scaling");
            return;
        }

        json.WriteStartObject("rope_scaling");
        json.WriteString("rope_type", scaling.Kind == RopeScalingKind.Linear ? "linear" : "llama3");
        json.WriteNumber("factor", scaling.Factor);
        if (scaling.Kind == RopeScalingKind.Llama3)
        {
            json.WriteNumber("low_freq_factor", scaling.LowFrequencyFactor);
            json.WriteNumber("high_freq_factor", scaling.HighFrequencyFactor);
            json.WriteNumber("original_max_position_embeddings", scaling.OriginalMaxPositions);
        }

        json.WriteEndObject();
    }

    /// <summary>Writes the fields of the tokens that begin, end and pad, those that are known.</summary>
    internal static void WriteTokenIds(Utf8JsonWriter json, GenerationDefaults generation)
    {
        WriteNumber(json, "bos_token_id", generation.BeginOfSequenceId);
        switch (generation.EndOfSequenceIds)
        {
            case []:
                break;
            case [var id]:
                json.WriteNumber("eos_token_id", id);
                break;
            default:
                json.WriteStartArray("eos_token_id");
                foreach (var id in generation.EndOfSequenceIds)
                {
                    json.WriteNumberValue(id);
                }

                json.WriteEndArray();
                break;
        }

        WriteNumber(json, "pad_token_id", generation.PadId);
    }

    private static void WriteSampling(Utf8JsonWriter json, GenerationDefaults generation)
    {
        if (generation.Sample is { } sample)
        {
            json.WriteBoolean("do_sample", sample);
        }

        WriteNumber(json, "temperature", generation.Temperature);
        WriteNumber(json, "top_k", generation.TopK);
        WriteNumber(json, "top_p", generation.TopP);
        WriteNumber(json, "min_p", generation.MinP);
        WriteNumber(json, "max_new_tokens", generation.MaxNewTokens);
        if (generation is not { ExitLayer: null, NumSpeculations: null, DraftController: null, DraftThreshold: null, DraftSource: null, DraftWeights: null, DraftVocabulary.Count: 0 })
        {
            json.WriteStartObject("layerskip");
            WriteNumber(json, "exit_layer", generation.ExitLayer);
            WriteNumber(json, "num_speculations", generation.NumSpeculations);
            WriteName(json, "draft_controller", generation.DraftController?.ToString());
            WriteNumber(json, "draft_threshold", generation.DraftThreshold);
            WriteName(json, "draft_source", generation.DraftSource?.ToString());
            WriteName(json, "draft_weights", generation.DraftWeights?.ToString());
            if (generation.DraftVocabulary.Count > 0)
            {
                json.WriteStartArray("draft_vocabulary");
                foreach (var id in generation.DraftVocabulary)
                {
                    json.WriteNumberValue(id);
                }

                json.WriteEndArray();
            }

            json.WriteEndObject();
        }
    }

    private static void WriteName(Utf8JsonWriter json, string name, string? value)
    {
        if (value is not null)
        {
            json.WriteString(name, value.ToLowerInvariant());
        }
    }

    private static void WriteNumber(Utf8JsonWriter json, string name, int? number)
    {
        if (number is { } value)
        {
            json.WriteNumber(name, value);
        }
    }

    private static void WriteNumber(Utf8JsonWriter json, string name, float? number)
    {
        if (number is { } value)
        {
            json.WriteNumber(name, value);
        }
    }
}
