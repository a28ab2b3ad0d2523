using System.Runtime.Intrinsics;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>The denominator of a softmax.</summary>
internal static class SoftmaxSum
{
    /// <summary>The sum of e^(logit - max); what is no number counts as nothing.</summary>
    /// <param name="logits">Any number of them.</param>
    /// <param name="max">A finite number, the greatest of them or more.</param>
    public static double Of(ReadOnlySpan<float> logits, float max)
    {
        var sum = 0.0;
        var i = 0;
        for (; i <= logits.Length - 8; i += 8)
        {
            var weight = VectorMath.Exp(Vector256.Create(logits.Slice(i, 8)) - Vector256.Create(max));
            sum += Vector256.Sum(Vector256.ConditionalSelect(Vector256.Equals(weight, weight), weight, Vector256<float>.Zero));
        }

        for (; i < logits.Length; i++)
        {
            sum += float.IsNaN(logits[i]) ? 0 : Math.Exp(logits[i] - max);
        }

        return sum;
    }
}
