using System.Text.RegularExpressions;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.Cli.Measurement;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.Cli.Reports;

/// <summary>Reads what a checkpoint says about itself; no weights.</summary>
internal static partial class InspectReports
{
    /// <summary>Opens and describes a checkpoint.</summary>
    /// <exception cref="CheckpointException">A file is missing or damaged; a tokenizer or template that is missing, or cannot be read, is not an error.</exception>
    public static InspectReport Of(string path)
    {
        using var checkpoint = Checkpoint.Open(path);
        var config = checkpoint.Config;
        var generation = checkpoint.Generation;
        var (tokenizer, tokenizerError) = Read(DescribeTokenizer, checkpoint.Path);
        var (template, templateError) = Read(DescribeTemplate, checkpoint.Path);
        return new InspectReport(
            Checkpoint.NameOf(checkpoint.Path),
            checkpoint.Path,
            config.ModelType,
            Config(config),
            ModelSize.Matrices(config) + ModelSize.Vectors(config),
            Tensors(checkpoint.Tensors, config.Layers),
            Memory(checkpoint),
            tokenizer,
            tokenizerError,
            template,
            templateError,
            Drafts(generation),
            new(
                generation.BeginOfSequenceId,
                generation.EndOfSequenceIds,
                generation.PadId,
                generation.Sample,
                generation.Temperature,
                generation.TopK,
                generation.TopP,
                generation.MinP,
                generation.MaxNewTokens));
    }

    private static LayerSkipReport? Drafts(GenerationDefaults generation)
    {
        var declared = new LayerSkipReport(
            generation.ExitLayer,
            generation.NumSpeculations,
            generation.DraftController?.ToString().ToLowerInvariant(),
            generation.DraftThreshold,
            generation.DraftSource?.ToString().ToLowerInvariant(),
            generation.DraftWeights?.ToString().ToLowerInvariant(),
            generation.DraftVocabulary.Count is var tokens and > 0 ? tokens : null);
        return declared == new LayerSkipReport(null, null, null, null, null, null, null) ? null : declared;
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
        config.SlidingWindow,
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

    private static TensorsReport Tensors(IReadOnlyList<TensorInfo> tensors, int layers) => new(
        tensors.Count,
        tensors.Sum(tensor => tensor.Bytes),
        tensors.Count(tensor => int.TryParse(LayerNumber().Match(tensor.Name).Value.Trim('.'), out var layer) && layer >= layers),
        tensors.GroupBy(tensor => tensor.DataType).ToDictionary(group => group.Key, group => group.Sum(tensor => tensor.Bytes)),
        [.. tensors.GroupBy(tensor => tensor.File).Select(file => new WeightFileReport(file.Key, file.Count(), file.Sum(tensor => tensor.Bytes)))],
        [.. tensors
            .GroupBy(tensor => (Name: LayerNumber().Replace(tensor.Name, ".*."), tensor.DataType, Shape: string.Join(',', tensor.Shape)))
            .Select(group => new TensorGroupReport(
                group.Key.Name, group.Key.DataType, group.First().Shape, group.Count(), group.Sum(tensor => tensor.Bytes)))]);

    private static MemoryReport Memory(Checkpoint checkpoint)
    {
        var kvBytes = ModelSize.KvBytesPerToken(checkpoint.Config);
        return new(
            WeightBytes(checkpoint, Plan(checkpoint, WeightFormat.F32)),
            CompressedBytes(checkpoint, WeightFormat.F32),
            WeightBytes(checkpoint, Plan(checkpoint, WeightFormat.BF16)),
            CompressedBytes(checkpoint, WeightFormat.BF16),
            WeightBytes(checkpoint, Plan(checkpoint, WeightFormat.Int8)),
            WeightBytes(checkpoint, Plan(checkpoint, WeightFormat.Int4)),
            WeightBytes(checkpoint, Plan(checkpoint, WeightFormat.Auto)),
            Plan(checkpoint, WeightFormat.Auto).Format.ToString().ToLowerInvariant(),
            kvBytes,
            kvBytes * checkpoint.Config.MaxPositions);
    }

    private static long? CompressedBytes(Checkpoint checkpoint, WeightFormat format)
    {
        var plan = Plan(checkpoint, format, WeightCompression.Auto);
        return plan.Matrices.Any(matrix => matrix.IsCompressed) ? WeightBytes(checkpoint, plan) : null;
    }

    private static WeightPlan Plan(Checkpoint checkpoint, WeightFormat format, WeightCompression compression = WeightCompression.Never) =>
        new(checkpoint.Config, checkpoint.Weights, format, FinerWeights.None, SimdPaths.Choose(), compression);

    private static long WeightBytes(Checkpoint checkpoint, WeightPlan plan) =>
        ModelSize.WeightBytes(checkpoint.Config, plan, checkpoint.Generation.DraftVocabulary.Count);

    /// <summary>What a part of the checkpoint says, or why that cannot be read: the others are worth printing without it.</summary>
    private static (T? Report, string? Error) Read<T>(Func<string, T?> describe, string path)
        where T : class
    {
        try
        {
            return (describe(path), null);
        }
        catch (CheckpointException e)
        {
            return (null, e.Message);
        }
    }

    private static TokenizerReport? DescribeTokenizer(string path)
    {
        if (TokenizerSource(path) is not { } source)
        {
            return null;
        }

        var tokenizer = Tokenizer.Load(path);
        return new(
            tokenizer.Family switch
            {
                TokenizerFamily.ByteLevelBpe => "byte-level-bpe",
                _ => "sentencepiece-bpe",
            },
            source,
            tokenizer.VocabularySize,
            tokenizer.BaseVocabularySize,
            tokenizer.AddedTokenCount,
            [.. Enumerable.Range(0, tokenizer.VocabularySize)
                .Where(tokenizer.IsSpecial)
                .Select(id => new TokenReport(id, tokenizer.GetToken(id) ?? ""))]);
    }

    private static string? TokenizerSource(string path) => true switch
    {
        _ when File.Exists(path) => Path.GetFileName(path),
        _ when File.Exists(Path.Combine(path, "tokenizer.json")) => "tokenizer.json",
        _ when File.Exists(Path.Combine(path, "vocab.json")) && File.Exists(Path.Combine(path, "merges.txt")) => "vocab.json, merges.txt",
        _ => null,
    };

    private static ChatTemplateReport? DescribeTemplate(string path) =>
        ChatTemplate.LoadFrom(path) is { } template
            ? new(
                File.Exists(path) ? Path.GetFileName(path)
                    : File.Exists(Path.Combine(path, "chat_template.jinja")) ? "chat_template.jinja"
                    : "tokenizer_config.json",
                template.Source.Length,
                template.Source)
            : null;

    [GeneratedRegex(@"\.\d+\.", RegexOptions.CultureInvariant)]
    private static partial Regex LayerNumber();
}
