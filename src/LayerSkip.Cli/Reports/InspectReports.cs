using System.Text.RegularExpressions;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.Cli.Measurement;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.Cli.Reports;

/// <summary>Reads what a checkpoint directory says about itself; no weights.</summary>
internal static partial class InspectReports
{
    /// <summary>Opens and describes a checkpoint.</summary>
    /// <exception cref="CheckpointException">A file is missing or damaged; a missing tokenizer or template is not an error.</exception>
    public static InspectReport Of(string directory)
    {
        using var checkpoint = Checkpoint.Open(directory);
        var config = checkpoint.Config;
        var generation = checkpoint.Generation;
        return new InspectReport(
            Path.GetFileName(Path.TrimEndingDirectorySeparator(checkpoint.Directory)),
            checkpoint.Directory,
            config.ModelType,
            Config(config),
            ModelSize.Matrices(config) + ModelSize.Vectors(config),
            Tensors(checkpoint.Tensors),
            Memory(checkpoint),
            DescribeTokenizer(checkpoint.Directory),
            DescribeTemplate(checkpoint.Directory),
            generation.ExitLayer is null && generation.NumSpeculations is null && generation.DraftVocabulary.Count == 0
                ? null
                : new(generation.ExitLayer, generation.NumSpeculations, generation.DraftVocabulary.Count is var tokens and > 0 ? tokens : null),
            new(
                generation.BeginOfSequenceId,
                generation.EndOfSequenceIds,
                generation.PadId,
                generation.Sample,
                generation.Temperature,
                generation.TopK,
                generation.TopP,
                generation.MaxNewTokens));
    }

    private static ConfigReport Config(ModelConfig config) => new(
        config.ModelType,
        config.VocabularySize,
        config.HiddenSize,
        config.IntermediateSize,
        config.Layers,
        config.AttentionHeads,
        config.KeyValueHeads,
        config.HeadDimension,
        config.MaxPositions,
        config.RmsNormEpsilon,
        config.RopeTheta,
        config.RopeScaling.Kind switch
        {
            RopeScalingKind.None => null,
            RopeScalingKind.Linear => new("linear", config.RopeScaling.Factor, null, null, null),
            _ => new(
                "llama3",
                config.RopeScaling.Factor,
                config.RopeScaling.LowFrequencyFactor,
                config.RopeScaling.HighFrequencyFactor,
                config.RopeScaling.OriginalMaxPositions),
        },
        config.TiedEmbeddings,
        config.AttentionBias,
        config.MlpBias);

    private static TensorsReport Tensors(IReadOnlyList<TensorInfo> tensors) => new(
        tensors.Count,
        tensors.Sum(tensor => tensor.Bytes),
        tensors.GroupBy(tensor => tensor.DataType).ToDictionary(group => group.Key, group => group.Sum(tensor => tensor.Bytes)),
        [.. tensors.GroupBy(tensor => tensor.File).Select(file => new WeightFileReport(file.Key, file.Count(), file.Sum(tensor => tensor.Bytes)))],
        [.. tensors
            .GroupBy(tensor => (Name: LayerNumber().Replace(tensor.Name, ".*."), tensor.DataType, Shape: string.Join(',', tensor.Shape)))
            .Select(group => new TensorGroupReport(
                group.Key.Name, group.Key.DataType, group.First().Shape, group.Count(), group.Sum(tensor => tensor.Bytes)))]);

    private static MemoryReport Memory(Checkpoint checkpoint)
    {
        var config = checkpoint.Config;
        var embedding = checkpoint.Weights.GetTensor("model.embed_tokens.weight", config.VocabularySize, config.HiddenSize);
        var kvBytes = ModelSize.KvBytesPerToken(config);
        var draftTokens = checkpoint.Generation.DraftVocabulary.Count;
        return new(
            ModelSize.WeightBytes(config, sizeof(float), draftTokens),
            ModelSize.WeightBytes(config, sizeof(ushort), draftTokens),
            embedding.DataType == TensorDataType.BF16 ? "bf16" : "f32",
            kvBytes,
            kvBytes * config.MaxPositions);
    }

    private static TokenizerReport? DescribeTokenizer(string directory)
    {
        var isJson = File.Exists(Path.Combine(directory, "tokenizer.json"));
        if (!isJson && !(File.Exists(Path.Combine(directory, "vocab.json")) && File.Exists(Path.Combine(directory, "merges.txt"))))
        {
            return null;
        }

        var tokenizer = Tokenizer.Load(directory);
        return new(
            tokenizer.Family switch
            {
                TokenizerFamily.ByteLevelBpe => "byte-level-bpe",
                _ => "sentencepiece-bpe",
            },
            isJson ? "tokenizer.json" : "vocab.json, merges.txt",
            tokenizer.VocabularySize,
            tokenizer.BaseVocabularySize,
            tokenizer.AddedTokenCount,
            [.. Enumerable.Range(0, tokenizer.VocabularySize)
                .Where(tokenizer.IsSpecial)
                .Select(id => new TokenReport(id, tokenizer.GetToken(id) ?? ""))]);
    }

    private static ChatTemplateReport? DescribeTemplate(string directory) =>
        ChatTemplate.LoadFrom(directory) is { } template
            ? new(
                File.Exists(Path.Combine(directory, "chat_template.jinja")) ? "chat_template.jinja" : "tokenizer_config.json",
                template.Source.Length,
                template.Source)
            : null;

    [GeneratedRegex(@"\.\d+\.", RegexOptions.CultureInvariant)]
    private static partial Regex LayerNumber();
}
