using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Checkpoints.Gguf;

/// <summary>How a GGUF file scales the rotary frequencies: linearly by a key, by Llama 3's rule as a tensor of divisors.</summary>
internal static class GgufRopeScaling
{
    // What the rule has in every published model; only the extension factor differs.
    private const float LowFrequencyFactor = 1;
    private const float HighFrequencyFactor = 4;
    private const int OriginalMaxPositions = 8192;

    // Converters compute the divisors in float32.
    private const float Tolerance = 1e-3f;

    /// <summary>Reads the scaling.</summary>
    /// <param name="file">The file.</param>
    /// <param name="config">The rest of the model's shape.</param>
    /// <exception cref="CheckpointException">The scaling is of a kind that the engine does not run.</exception>
    public static RopeScaling Read(GgufFile file, ModelConfig config)
    {
        var metadata = file.Header.Metadata;
        const string Expected = "a number of at least 1";
        var factor = metadata.NumberOrNull(GgufKeys.RopeScalingFactor, value => value is 0 or >= 1, Expected) is { } given and not 0
            ? given
            : metadata.NumberOrNull(GgufKeys.RopeScaleLinear, value => value is 0 or >= 1, Expected);
        var linear = metadata.TextOrNull(GgufKeys.RopeScalingType) switch
        {
            "none" => false,
            null => factor > 1,
            "linear" => factor > 0, // 0 says that nothing is scaled
            _ => throw metadata.Wrong(GgufKeys.RopeScalingType, "'none' or 'linear'; Llama 3's scaling is the tensor rope_freqs.weight"),
        };
        if (file.Header.Tensors.FirstOrDefault(tensor => tensor.Name == GgufTensorNames.RopeFactors) is not { } tensor)
        {
            return linear ? new RopeScaling(RopeScalingKind.Linear, factor!.Value) : new RopeScaling(RopeScalingKind.None);
        }

        return linear
            ? throw new CheckpointException($"{file.Name}: {GgufKeys.RopeScalingType} and tensor '{tensor.Name}' both scale the frequencies, expected one of them")
            : Recognize(ReadFactors(file, tensor, config.HeadDimension / 2), config, metadata)
                ?? throw new CheckpointException($"{file.Name}: tensor '{tensor.Name}' holds other divisors than Llama 3's rule gives");
    }

    /// <summary>What every frequency is divided by under Llama 3's rule.</summary>
    public static float[] Factors(ModelConfig config) =>
        [.. Rope.Frequencies(config with { RopeScaling = new(RopeScalingKind.None) }).Zip(Rope.Frequencies(config), (plain, scaled) => plain / scaled)];

    private static float[] ReadFactors(GgufFile file, GgufEntry tensor, int count)
    {
        if (tensor.Shape is not [var length] || length != count || tensor.Type != (uint)GgufTensorType.F32)
        {
            throw new CheckpointException(
                $"{file.Name}: tensor '{tensor.Name}' has shape {ErrorText.Shape(tensor.Shape)} of type {GgufTensorTypes.Find(tensor.Type)!.Value.Name}, expected [{count}] of F32");
        }

        var factors = new float[count];
        new GgufTensor(file, tensor, tensor.Name, interleavedHead: 0).ReadRow(0, factors);
        return factors;
    }

    private static RopeScaling? Recognize(float[] factors, ModelConfig config, GgufMetadata metadata)
    {
        if (Array.TrueForAll(factors, factor => factor == 1))
        {
            return new RopeScaling(RopeScalingKind.None);
        }

        var low = metadata.NumberOrNull(GgufKeys.RopeLowFactor, value => value > 0, "a positive number") ?? LowFrequencyFactor;
        var rule = new RopeScaling(
            RopeScalingKind.Llama3,
            metadata.NumberOrNull(GgufKeys.RopeFactor, value => value >= 1, "a number of at least 1") ?? factors.Max(),
            low,
            metadata.NumberOrNull(GgufKeys.RopeHighFactor, value => value > low, $"a number greater than {low}") ?? HighFrequencyFactor,
            OriginalMaxPositions);

        // llama.cpp's own files have the context of today under the key; the divisors decide.
        var declared = metadata.IntegerOrNull(GgufKeys.RopeOriginalContext, 1, ModelConfigReader.MaxPositions);
        return declared is { } positions && Gives(rule with { OriginalMaxPositions = positions }, factors, config) ? rule with { OriginalMaxPositions = positions }
            : Gives(rule, factors, config) ? rule
            : null;
    }

    private static bool Gives(RopeScaling rule, float[] factors, ModelConfig config) => float.IsFinite(rule.Factor) && rule.Factor >= 1
        && Factors(config with { RopeScaling = rule }).Zip(factors, (expected, found) => MathF.Abs(found - expected) <= Tolerance * expected).All(close => close);
}
