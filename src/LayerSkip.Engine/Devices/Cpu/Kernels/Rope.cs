using System.Runtime.Intrinsics;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>Rotary position embedding, half rotation: element i turns with element i + headDimension / 2.</summary>
internal static class Rope
{
    /// <summary>The angular frequency of each of the headDimension / 2 planes, in radians a position, scaled as the checkpoint asks.</summary>
    public static float[] Frequencies(ModelConfig config)
    {
        var frequencies = new float[config.HeadDimension / 2];
        for (var i = 0; i < frequencies.Length; i++)
        {
            var frequency = 1 / Math.Pow(config.RopeTheta, 2.0 * i / config.HeadDimension);
            frequencies[i] = (float)Scale(frequency, config.RopeScaling);
        }

        return frequencies;
    }

    /// <summary>Cosine and sine of each plane at a position.</summary>
    /// <param name="position">0-based position in the sequence.</param>
    /// <param name="frequencies">Radians a position, one a plane.</param>
    /// <param name="cosines">Result, as long as <paramref name="frequencies"/>.</param>
    /// <param name="sines">Result, as long as <paramref name="frequencies"/>.</param>
    public static void Angles(int position, ReadOnlySpan<float> frequencies, Span<float> cosines, Span<float> sines)
    {
        for (var i = 0; i < frequencies.Length; i++)
        {
            // The product is rounded to float32, as in the code these models were trained with.
            (var sine, var cosine) = Math.SinCos(position * frequencies[i]);
            (cosines[i], sines[i]) = ((float)cosine, (float)sine);
        }
    }

    /// <summary>Turns one head in place.</summary>
    /// <param name="head">headDimension elements.</param>
    /// <param name="cosines">headDimension / 2 cosines.</param>
    /// <param name="sines">headDimension / 2 sines.</param>
    public static void Rotate(Span<float> head, ReadOnlySpan<float> cosines, ReadOnlySpan<float> sines)
    {
        var half = head.Length / 2;
        var first = head[..half];
        var second = head.Slice(half, half);
        var i = 0;
        for (; i <= half - Vector256<float>.Count; i += Vector256<float>.Count)
        {
            var (a, b) = (Vector256.Create<float>(first[i..]), Vector256.Create<float>(second[i..]));
            var (cosine, sine) = (Vector256.Create(cosines[i..]), Vector256.Create(sines[i..]));
            ((a * cosine) - (b * sine)).CopyTo(first[i..]);
            ((b * cosine) + (a * sine)).CopyTo(second[i..]);
        }

        for (; i < half; i++)
        {
            var (a, b) = (first[i], second[i]);
            first[i] = (a * cosines[i]) - (b * sines[i]);
            second[i] = (b * cosines[i]) + (a * sines[i]);
        }
    }

    private static double Scale(double frequency, RopeScaling scaling)
    {
        switch (scaling.Kind)
        {
            case RopeScalingKind.Linear:
                return frequency / scaling.Factor;

            case RopeScalingKind.Llama3:
                var wavelength = 2 * Math.PI / frequency;
                var turns = scaling.OriginalMaxPositions / wavelength;
                if (turns < scaling.LowFrequencyFactor)
                {
                    return frequency / scaling.Factor;
                }

                if (turns > scaling.HighFrequencyFactor)
                {
                    return frequency;
                }

                var smooth = (turns - scaling.LowFrequencyFactor) / (scaling.HighFrequencyFactor - scaling.LowFrequencyFactor);
                return ((1 - smooth) * frequency / scaling.Factor) + (smooth * frequency);

            default:
                return frequency;
        }
    }
}
