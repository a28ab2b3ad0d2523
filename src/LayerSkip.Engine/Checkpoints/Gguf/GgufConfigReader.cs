namespace LayerSkip.Engine.Checkpoints.Gguf;

/// <summary>Reads a GGUF file's metadata, and the shapes that go with it, into a <see cref="ModelConfig"/>.</summary>
internal static class GgufConfigReader
{
    private const string Architecture = "llama";

    /// <summary>Reads and checks every key.</summary>
    /// <exception cref="CheckpointException">A key is missing, out of range, or asks for what the engine does not run.</exception>
    public static ModelConfig Read(GgufFile file)
    {
        var metadata = file.Header.Metadata;
        RefuseOtherModels(metadata);

        var hidden = metadata.Integer(GgufKeys.EmbeddingLength, 1, ModelConfigReader.MaxWidth);
        var heads = metadata.Integer(GgufKeys.HeadCount, 1, ModelConfigReader.MaxWidth);
        var keyValueHeads = metadata.IntegerOrNull(GgufKeys.HeadCountKv, 1, ModelConfigReader.MaxWidth) ?? heads;
        if (heads % keyValueHeads != 0)
        {
            throw metadata.Wrong(GgufKeys.HeadCountKv, $"a divisor of {GgufKeys.HeadCount}, which is {heads}");
        }

        var headDimension = ReadHeadDimension(metadata, hidden, heads);
        var positions = metadata.Integer(GgufKeys.ContextLength, 1, ModelConfigReader.MaxPositions);
        var window = metadata.IntegerOrNull(GgufKeys.SlidingWindow, 0, int.MaxValue) is > 0 and var tokens && tokens < positions ? tokens : (int?)null; // 0: none
        var config = new ModelConfig
        {
            ModelType = ReadModelType(metadata),
            VocabularySize = ReadVocabularySize(file, hidden),
            HiddenSize = hidden,
            IntermediateSize = metadata.Integer(GgufKeys.FeedForwardLength, 1, ModelConfigReader.MaxWidth),
            Layers = metadata.Integer(GgufKeys.BlockCount, 1, ModelConfigReader.MaxLayers),
            AttentionHeads = heads,
            KeyValueHeads = keyValueHeads,
            HeadDimension = headDimension,
            MaxPositions = window ?? positions,
            SlidingWindow = window,
            PositionsBeyondWindow = window is null ? null : positions,
            RmsNormEpsilon = metadata.NumberOrNull(GgufKeys.RmsEpsilon, value => value > 0, "a positive number")
                ?? throw metadata.Missing(GgufKeys.RmsEpsilon, "a positive number"),
            RopeTheta = metadata.NumberOrNull(GgufKeys.RopeBase, value => value > 0, "a positive number") ?? 10000,
            TiedEmbeddings = !Has(file, "output.weight"),
            AttentionBias = Has(file, "blk.0.attn_q.bias"),
            MlpBias = Has(file, "blk.0.ffn_gate.bias"),
        };
        return config with { RopeScaling = GgufRopeScaling.Read(file, config) };
    }

    private static void RefuseOtherModels(GgufMetadata metadata)
    {
        if (metadata.Text(GgufKeys.Architecture, $"'{Architecture}'") != Architecture)
        {
            throw metadata.Wrong(GgufKeys.Architecture, $"'{Architecture}': Llama 1 to 3.3, Mistral, SmolLM, TinyLlama and others of that architecture");
        }

        if (metadata.TextOrNull(GgufKeys.Kind) is not (null or "model"))
        {
            throw metadata.Wrong(GgufKeys.Kind, "'model'");
        }

        if (metadata.IntegerOrNull(GgufKeys.SplitCount, 0, int.MaxValue) > 1)
        {
            throw metadata.Wrong(GgufKeys.SplitCount, "1: a model in one file; join the parts first");
        }

        if (metadata.IntegerOrNull(GgufKeys.ExpertCount, 0, int.MaxValue) > 0)
        {
            throw metadata.Wrong(GgufKeys.ExpertCount, "0: mixtures of experts are not run");
        }

        // 0 stands for the usual one.
        metadata.NumberOrNull(GgufKeys.AttentionScale, value => value == 0, "0: attention scaled by the square root of the head's width");
    }

    private static string ReadModelType(GgufMetadata metadata)
    {
        const string Mistral = "mistral";
        return metadata.TextOrNull(GgufKeys.ModelType) switch
        {
            null or Architecture => Architecture,
            Mistral => Mistral,
            _ => throw metadata.Wrong(GgufKeys.ModelType, $"'{Architecture}' or '{Mistral}'"),
        };
    }

    private static int ReadHeadDimension(GgufMetadata metadata, int hidden, int heads)
    {
        if (metadata.IntegerOrNull(GgufKeys.KeyLength, 2, ModelConfigReader.MaxWidth) is not { } width)
        {
            width = hidden % heads == 0
                ? hidden / heads
                : throw metadata.Wrong(GgufKeys.EmbeddingLength, $"a multiple of {GgufKeys.HeadCount}, which is {heads}, where {GgufKeys.KeyLength} is absent");
        }

        if (width % 2 != 0)
        {
            throw metadata.Has(GgufKeys.KeyLength)
                ? metadata.Wrong(GgufKeys.KeyLength, "an even number")
                : metadata.Wrong(GgufKeys.EmbeddingLength, $"an even multiple of {GgufKeys.HeadCount}, which is {heads}, where {GgufKeys.KeyLength} is absent");
        }

        if ((long)heads * width > ModelConfigReader.MaxWidth)
        {
            throw metadata.Wrong(GgufKeys.HeadCount, $"at most {ModelConfigReader.MaxWidth} / {width}, the width of a head");
        }

        foreach (var key in (ReadOnlySpan<string>)[GgufKeys.ValueLength, GgufKeys.RopeDimensions])
        {
            if ((metadata.IntegerOrNull(key, 1, ModelConfigReader.MaxWidth) ?? width) != width)
            {
                throw metadata.Wrong(key, $"{width}, the width of a head");
            }
        }

        return width;
    }

    private static int ReadVocabularySize(GgufFile file, int hidden)
    {
        const string Embedding = "token_embd.weight";
        var tensor = file.Header.Tensors.FirstOrDefault(tensor => tensor.Name == Embedding)
            ?? throw new CheckpointException($"{file.Name}: tensor '{Embedding}' is missing, expected a matrix of {hidden} columns");
        if (tensor.Shape is not [>= 1 and <= ModelConfigReader.MaxVocabulary and var rows, var columns] || columns != hidden)
        {
            throw new CheckpointException(
                $"{file.Name}: tensor '{Embedding}' has shape {ErrorText.Shape(tensor.Shape)}, expected 1 to {ModelConfigReader.MaxVocabulary} rows of {hidden}");
        }

        return (file.Header.Metadata.IntegerOrNull(GgufKeys.VocabularySize, 1, ModelConfigReader.MaxVocabulary) ?? (int)rows) == rows
            ? (int)rows
            : throw file.Header.Metadata.Wrong(GgufKeys.VocabularySize, $"{rows}, the rows of {Embedding}");
    }

    private static bool Has(GgufFile file, string tensor) => file.Header.Tensors.Any(entry => entry.Name == tensor);
}
