using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Cuda.Driver;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Devices.Cpu;

namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>A random model on a GPU and on the CPU: logits, and tokens of every mode.</summary>
internal sealed class ModelCheck
{
    /// <summary>Widest hidden states.</summary>
    public const int MostWidth = 300;

    /// <summary>Of the largest logit.</summary>
    private const double LogitBound = 2e-4;

    private const int NewTokens = 40;
    private static readonly WeightFormat[] s_formats = [WeightFormat.F32, WeightFormat.BF16, WeightFormat.Int8, WeightFormat.Int4];
    private static readonly int[] s_chunks = [1, 5, 16, 17, 40];

    private readonly CudaModel _cuda;
    private readonly CpuModel _cpu;
    private readonly int[] _prompt;

    private ModelCheck(CudaModel cuda, CpuModel cpu, Random random)
    {
        (_cuda, _cpu) = (cuda, cpu);
        _prompt = [.. Enumerable.Range(0, 40 + random.Next(60)).Select(_ => random.Next(cuda.Config.VocabularySize))];
    }

    /// <summary>Compares one random model.</summary>
    /// <param name="driver">The driver.</param>
    /// <param name="device">Of the driver.</param>
    /// <param name="round">Chooses the weights' format and values.</param>
    /// <param name="width">Most elements of a hidden state, most tokens.</param>
    /// <param name="random">Chooses the shape.</param>
    public static ModelFinding Run(CudaDriver driver, CudaDeviceInfo device, int round, int width, Random random)
    {
        var format = s_formats[round % s_formats.Length];
        var config = RandomConfig(random, width);
        var error = double.NaN;
        string? failure;
        try
        {
            // The CPU rounds activations to bytes for integer weights, and this device does not: it is given the same weights as float32.
            var stored = format == WeightFormat.BF16 ? TensorDataType.BF16 : TensorDataType.F32;
            using var weights = new RandomWeightSource(config, (ulong)round, stored);
            using var rounded = new RoundedWeights(new RandomWeightSource(config, (ulong)round, stored), format);
            using var cuda = CudaModel.Load(driver, [device], config, weights, format);
            using var cpu = CpuModel.Load(config, rounded, WeightFormat.F32, Environment.ProcessorCount, SimdPaths.Choose());
            failure = new ModelCheck(cuda, cpu, random).Compare(random, out error);
        }
#pragma warning disable CA1031 // Whatever a wrong device causes is a finding.
        catch (Exception e) when (e is not OperationCanceledException)
#pragma warning restore CA1031
        {
            failure = e.Message;
        }

        return new(config, format, error, LogitBound, failure);
    }

    private static ModelConfig RandomConfig(Random random, int width)
    {
        var keyValueHeads = random.Next(1, 4);
        return new ModelConfig
        {
            VocabularySize = random.Next(5, width + 1),
            HiddenSize = random.Next(3, width + 1),
            IntermediateSize = random.Next(3, width + 1),
            Layers = random.Next(2, 5),
            AttentionHeads = keyValueHeads * random.Next(1, 5),
            KeyValueHeads = keyValueHeads,
            HeadDimension = 2 * random.Next(1, Math.Min(128, width / 2) + 1),
            MaxPositions = 512,
            TiedEmbeddings = random.Next(2) == 0,
            AttentionBias = random.Next(3) == 0,
            MlpBias = random.Next(3) == 0,
        };
    }

    /// <summary>What is wrong, in words; null: nothing.</summary>
    private string? Compare(Random random, out double error)
    {
        var layers = _cuda.Config.Layers;
        var (expected, actual) = (Logits(_cpu, _prompt, _prompt.Length, layers), Logits(_cuda, _prompt, _prompt.Length, layers));
        var deviation = new Deviation(LogitBound);
        var scale = Scale(expected);
        for (var token = 0; token < actual.Length; token++)
        {
            deviation.Near(expected[token], actual[token], scale, 0, token);
        }

        error = deviation.Error;
        return deviation.Problem is { } problem ? $"logits: {problem}"
            : Array.Find(s_chunks, chunk => !Logits(_cuda, _prompt, chunk, layers).AsSpan().SequenceEqual(actual)) is > 0 and var other ? $"logits have other bits in passes of {other} rows"
            : CompareTokens(random);
    }

    private string? CompareTokens(Random random)
    {
        var layers = _cuda.Config.Layers;
        var greedy = Options(DecodingMode.Autoregressive);
        var sampled = greedy with { Sampling = new() { Temperature = 0.8f, TopK = 20, TopP = 0.95f, Seed = (ulong)random.NextInt64() } };
        var (expected, drawn) = (Tokens(_cuda, greedy), Tokens(_cuda, sampled));
        var problem = CompareWithCpu(greedy, expected, layers);
        for (var exit = 1; exit < layers && problem is null; exit++)
        {
            var speculative = Options(DecodingMode.SelfSpeculative) with { ExitLayer = exit, NumSpeculations = random.Next(1, 20) };
            var early = Options(DecodingMode.EarlyExit) with { ExitLayer = exit };
            problem = CompareWithCpu(early, Tokens(_cuda, early), exit)
                ?? Difference($"self-speculative tokens of exit layer {exit}", expected, Tokens(_cuda, speculative))
                ?? Difference($"sampled self-speculative tokens of exit layer {exit}", drawn, Tokens(_cuda, speculative with { Sampling = sampled.Sampling }));
        }

        return problem;
    }

    /// <summary>Greedy tokens must be the CPU's up to where two tokens' logits are closer than either device can tell.</summary>
    private string? CompareWithCpu(DecodingOptions options, int[] actual, int layers)
    {
        var expected = Tokens(_cpu, options);
        var at = expected.AsSpan().CommonPrefixLength(actual);
        if (at == expected.Length)
        {
            return null;
        }

        int[] context = [.. _prompt, .. expected[..at]];
        var logits = Logits(_cpu, context, context.Length, layers);
        return at < actual.Length && logits[expected[at]] - logits[actual[at]] <= 2 * LogitBound * Scale(logits)
            ? null
            : Difference($"{(options.Mode == DecodingMode.EarlyExit ? "early-exit" : "greedy")} tokens of {layers} layers, against the CPU's,", expected, actual);
    }

    private static string? Difference(string what, int[] expected, int[] actual)
    {
        var at = expected.AsSpan().CommonPrefixLength(actual);
        return at == expected.Length ? null : $"{what} differ from token {at} on: {(at < actual.Length ? actual[at] : "none")} instead of {expected[at]}";
    }

    private static DecodingOptions Options(DecodingMode mode) => new() { Mode = mode, MaxNewTokens = NewTokens };

    private static double Scale(float[] logits) => Math.Max(1, logits.Max(Math.Abs));

    private static float[] Logits(IDeviceModel model, int[] tokens, int chunk, int layers)
    {
        using var cache = model.CreateCache();
        using var rows = model.CreateRows(chunk);
        var last = 0;
        for (var start = 0; start < tokens.Length; start += chunk)
        {
            var piece = tokens.AsSpan(start, Math.Min(chunk, tokens.Length - start));
            rows.Place(0, piece.Length, cache, start);
            model.Embed(rows, 0, piece);
            model.RunLayers(rows, 0, piece.Length, 0, layers);
            last = piece.Length - 1;
        }

        var logits = new float[model.Config.VocabularySize];
        model.Logits(rows, last, 1, logits);
        return logits;
    }

    private int[] Tokens(IDeviceModel model, DecodingOptions options)
    {
        using var generation = new Generation(model, _prompt, DecodingPlan.Create(options, model.Config, new()));
        while (generation.NextRound())
        {
        }

        return generation.Output.ToArray();
    }
}

/// <summary>What comparing a model with the CPU found.</summary>
/// <param name="Config">Its shape.</param>
/// <param name="Format">Its weights' format.</param>
/// <param name="LogitError">The largest difference of two logits, of the largest logit; NaN where none were computed.</param>
/// <param name="LogitBound">The largest allowed.</param>
/// <param name="Failure">What was wrong, in words; null: nothing.</param>
internal sealed record ModelFinding(ModelConfig Config, WeightFormat Format, double LogitError, double LogitBound, string? Failure);
