namespace LayerSkip.Engine.Checkpoints.Gguf;

/// <summary>Writes a checkpoint as a GGUF file of the <c>llama</c> architecture.</summary>
internal static class GgufExport
{
    /// <summary>How a checkpoint's matrices are stored where nobody asks for something else: in their own type where they
    /// share one that is not quantised; all in the coarsest of their quantised types where one is, which is written anew; else in float32.</summary>
    public static GgufTensorType TypeOf(Checkpoint checkpoint)
    {
        var types = LlamaTensors.Of(checkpoint.Config)
            .Where(tensor => tensor.Role == TensorRole.Matrix)
            .Select(tensor => checkpoint.Weights.GetTensor(tensor.Name, tensor.Shape).DataType)
            .Distinct()
            .ToList();
        return types switch
        {
            [TensorDataType.F16] => GgufTensorType.F16,
            [TensorDataType.BF16] => GgufTensorType.BF16,
            _ when types.Contains(TensorDataType.Int4) => GgufTensorType.Q4_0,
            _ when types.Contains(TensorDataType.Int8) => GgufTensorType.Q8_0,
            _ => GgufTensorType.F32,
        };
    }

    /// <summary>Writes a file; see <see cref="GgufWriter.Write"/>.</summary>
    /// <param name="path">The file.</param>
    /// <param name="name">What the file calls the model.</param>
    /// <param name="config">The model's shape.</param>
    /// <param name="generation">What the checkpoint says about generation.</param>
    /// <param name="weights">Its weights.</param>
    /// <param name="type">How to store matrices: norms and biases are always float32; see <see cref="TypeFor"/>.</param>
    /// <param name="addTokenizer">Adds the tokenizer's keys.</param>
    /// <param name="cancellationToken">Ends the writing between rows.</param>
    /// <returns>Bytes written.</returns>
    public static long Write(
        string path,
        string name,
        ModelConfig config,
        GenerationDefaults generation,
        WeightSource weights,
        GgufTensorType type,
        Action<GgufWriter> addTokenizer,
        CancellationToken cancellationToken = default)
    {
        var writer = new GgufWriter();
        writer.Add(GgufKeys.Architecture, "llama");
        writer.Add(GgufKeys.Kind, "model");
        writer.Add(GgufKeys.Name, name);
        writer.Add(GgufKeys.FileType, FileType(type));
        writer.Add(GgufKeys.QuantizationVersion, 2);
        AddConfig(writer, config);
        AddGeneration(writer, generation);
        addTokenizer(writer);
        AddTensors(writer, config, weights, type);
        return writer.Write(path, cancellationToken);
    }

    /// <summary>How a matrix is stored in a file of a type: embedding and head of 4-bit files in 8 bits, rows that blocks do not fill as float32.</summary>
    public static GgufTensorType TypeFor(GgufTensorType type, ExpectedTensor tensor)
    {
        if (tensor.Role != TensorRole.Matrix || (IsQuantized(type) && tensor.Shape[^1] % 32 != 0))
        {
            return GgufTensorType.F32;
        }

        return type == GgufTensorType.Q4_0 && !tensor.Name.StartsWith("model.layers.", StringComparison.Ordinal) ? GgufTensorType.Q8_0 : type;
    }

    private static bool IsQuantized(GgufTensorType type) => type is GgufTensorType.Q8_0 or GgufTensorType.Q4_0;

    /// <summary>The numbers that tools show the type of most of a file's tensors by.</summary>
    private static int FileType(GgufTensorType type) => type switch
    {
        GgufTensorType.F16 => 1,
        GgufTensorType.Q4_0 => 2,
        GgufTensorType.Q8_0 => 7,
        GgufTensorType.BF16 => 32,
        _ => 0,
    };

    private static void AddConfig(GgufWriter writer, ModelConfig config)
    {
        writer.Add(GgufKeys.VocabularySize, config.VocabularySize);
        writer.Add(GgufKeys.ContextLength, config.PositionsBeyondWindow ?? config.MaxPositions);
        if (config.SlidingWindow is { } window)
        {
            writer.Add(GgufKeys.SlidingWindow, window);
        }

        writer.Add(GgufKeys.EmbeddingLength, config.HiddenSize);
        writer.Add(GgufKeys.BlockCount, config.Layers);
        writer.Add(GgufKeys.FeedForwardLength, config.IntermediateSize);
        writer.Add(GgufKeys.HeadCount, config.AttentionHeads);
        writer.Add(GgufKeys.HeadCountKv, config.KeyValueHeads);
        writer.Add(GgufKeys.KeyLength, config.HeadDimension);
        writer.Add(GgufKeys.ValueLength, config.HeadDimension);
        writer.Add(GgufKeys.RmsEpsilon, config.RmsNormEpsilon);
        writer.Add(GgufKeys.RopeDimensions, config.HeadDimension);
        writer.Add(GgufKeys.RopeBase, config.RopeTheta);
        switch (config.RopeScaling.Kind)
        {
            case RopeScalingKind.Linear:
                writer.Add(GgufKeys.RopeScalingType, "linear");
                writer.Add(GgufKeys.RopeScalingFactor, config.RopeScaling.Factor);
                break;
            case RopeScalingKind.Llama3:
                // The rule itself is a tensor; these let it be read back as numbers.
                writer.Add(GgufKeys.RopeOriginalContext, config.RopeScaling.OriginalMaxPositions);
                writer.Add(GgufKeys.RopeFactor, config.RopeScaling.Factor);
                writer.Add(GgufKeys.RopeLowFactor, config.RopeScaling.LowFrequencyFactor);
                writer.Add(GgufKeys.RopeHighFactor, config.RopeScaling.HighFrequencyFactor);
                break;
        }

        if (config.ModelType != "llama")
        {
            writer.Add(GgufKeys.ModelType, config.ModelType);
        }
    }

    private static void AddGeneration(GgufWriter writer, GenerationDefaults generation)
    {
        AddIfKnown(GgufKeys.SamplingTopK, generation.TopK);
        AddIfKnown(GgufKeys.MaxNewTokens, generation.MaxNewTokens);
        AddIfKnown(GgufKeys.ExitLayer, generation.ExitLayer);
        AddIfKnown(GgufKeys.NumSpeculations, generation.NumSpeculations);
        AddIfDeclared(GgufKeys.SamplingTemperature, generation.Temperature);
        AddIfDeclared(GgufKeys.SamplingTopP, generation.TopP);
        AddIfDeclared(GgufKeys.SamplingMinP, generation.MinP);
        AddIfDeclared(GgufKeys.DraftThreshold, generation.DraftThreshold);
        AddIfNamed(GgufKeys.DraftController, generation.DraftController?.ToString());
        AddIfNamed(GgufKeys.DraftSource, generation.DraftSource?.ToString());
        AddIfNamed(GgufKeys.DraftWeights, generation.DraftWeights?.ToString());
        if (generation.Sample is { } sample)
        {
            writer.Add(GgufKeys.DoSample, sample);
        }

        if (generation.DraftVocabulary.Count > 0)
        {
            writer.Add(GgufKeys.DraftVocabulary, generation.DraftVocabulary);
        }

        writer.Add(GgufKeys.EndIds, generation.EndOfSequenceIds);

        void AddIfKnown(string key, int? number)
        {
            if (number is { } value)
            {
                writer.Add(key, value);
            }
        }

        void AddIfDeclared(string key, float? number)
        {
            if (number is { } value)
            {
                writer.Add(key, value);
            }
        }

        void AddIfNamed(string key, string? name)
        {
            if (name is not null)
            {
                writer.Add(key, name.ToLowerInvariant());
            }
        }
    }

    private static void AddTensors(GgufWriter writer, ModelConfig config, WeightSource weights, GgufTensorType type)
    {
        if (config.RopeScaling.Kind == RopeScalingKind.Llama3)
        {
            var factors = GgufRopeScaling.Factors(config);
            writer.AddTensor(GgufTensorNames.RopeFactors, GgufTensorType.F32, [factors.Length], (_, row) => factors.CopyTo(row));
        }

        foreach (var expected in LlamaTensors.Of(config))
        {
            var tensor = weights.GetTensor(expected.Name, expected.Shape);
            Action<int, Span<float>> readRow = !HeadInterleaving.Applies(expected.Name) ? tensor.ReadRow
                : expected.Role == TensorRole.Bias ? (_, row) => ReadInterleavedBias(tensor, config.HeadDimension, row)
                : (index, row) => tensor.ReadRow(HeadInterleaving.ModelRow(index, config.HeadDimension), row);
            writer.AddTensor(GgufTensorNames.Of(expected.Name)!, TypeFor(type, expected), expected.Shape, readRow);
        }
    }

    private static void ReadInterleavedBias(WeightTensor tensor, int headDimension, Span<float> row)
    {
        var bias = new float[row.Length];
        tensor.ReadRow(0, bias);
        for (var i = 0; i < row.Length; i++)
        {
            row[i] = bias[HeadInterleaving.ModelRow(i, headDimension)];
        }
    }
}
