using System.Buffers;
using System.Numerics;
using System.Runtime.Intrinsics;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Sampling;

/// <summary>Turns logits into the distribution that a token is drawn from.</summary>
/// <param name="options">Temperature, top-k, top-p and min-p, valid.</param>
internal sealed class Distribution(SamplingOptions options)
{
    /// <summary>Replaces logits by probabilities: temperature, top-k, top-p, min-p, softmax. Greedy gives the arg-max probability 1.</summary>
    /// <returns>False if every token is banned (all logits negative infinity or NaN).</returns>
    public bool TryFromLogits(Span<float> logits)
    {
        var best = ArgMax.Of(logits);
        if (!(logits[best] > float.NegativeInfinity))
        {
            return false;
        }

        // A temperature so small that its inverse overflows is greedy as well.
        if (options.IsGreedy || options.TopK == 1 || float.IsPositiveInfinity(logits[best]) || float.IsInfinity(1 / options.Temperature))
        {
            logits.Clear();
            logits[best] = 1;
            return true;
        }

        Softmax(logits, logits[best], 1 / options.Temperature);
        if (options.TopK > 0 || options.TopP < 1)
        {
            var limit = options.TopK > 0 ? Math.Min(options.TopK, logits.Length) : logits.Length;
            var room = Math.Min(logits.Length, limit + 1024);
            var candidates = ArrayPool<ulong>.Shared.Rent(room);
            KeepLikeliest(logits, limit, candidates.AsSpan(0, room));
            ArrayPool<ulong>.Shared.Return(candidates);
        }

        if (options.MinP > 0)
        {
            DropUnlikely(logits, options.MinP * logits[best]);
        }

        return true;
    }

    /// <summary>The error of a context that no token may follow.</summary>
    public static InvalidOperationException NoTokenLeft() => new("no token can be chosen: every logit is negative infinity or NaN");

    private static void Softmax(Span<float> logits, float max, float factor)
    {
        var i = 0;
        var sum = 0f;
        for (; i <= logits.Length - 8; i += 8)
        {
            var weight = VectorMath.Exp((Vector256.Create<float>(logits.Slice(i, 8)) - Vector256.Create(max)) * factor);
            weight = Vector256.ConditionalSelect(Vector256.Equals(weight, weight), weight, Vector256<float>.Zero);
            weight.CopyTo(logits[i..]);
            sum += Vector256.Sum(weight);
        }

        for (; i < logits.Length; i++)
        {
            var weight = MathF.Exp((logits[i] - max) * factor);
            logits[i] = float.IsNaN(weight) ? 0 : weight;
            sum += logits[i];
        }

        for (i = 0; i <= logits.Length - 8; i += 8)
        {
            (Vector256.Create<float>(logits.Slice(i, 8)) / sum).CopyTo(logits[i..]);
        }

        foreach (ref var weight in logits[i..])
        {
            weight /= sum;
        }
    }

    private static void DropUnlikely(Span<float> probabilities, float least)
    {
        var kept = 0.0;
        foreach (ref var probability in probabilities)
        {
            probability = probability < least ? 0 : probability;
            kept += probability;
        }

        foreach (ref var probability in probabilities)
        {
            probability = (float)(probability / kept);
        }
    }

    /// <summary>Keeps the likeliest tokens, and rescales what they have.</summary>
    /// <param name="probabilities">The distribution.</param>
    /// <param name="limit">Most tokens to keep.</param>
    /// <param name="room">Takes as many, and some more if there are more.</param>
    private void KeepLikeliest(Span<float> probabilities, int limit, Span<ulong> room)
    {
        // A token below (1 - p) / V cannot be in the nucleus: all such tokens together hold less than 1 - p.
        // With top-k the remaining mass is rescaled before that, so there the floor is what the k likeliest so far leave.
        var floor = options.TopK > 0 ? 0 : (1 - options.TopP) / probabilities.Length;
        var count = 0;
        for (var start = 0; start < probabilities.Length; start += 8)
        {
            // Of a large vocabulary most tokens are below the floor: looked at eight at a time, but for the last.
            var above = start <= probabilities.Length - 8
                ? Vector256.GreaterThan(Vector256.Create<float>(probabilities.Slice(start, 8)), Vector256.Create(floor)).ExtractMostSignificantBits()
                : (1u << (probabilities.Length - start)) - 1;
            for (; above != 0; above &= above - 1)
            {
                var id = start + BitOperations.TrailingZeroCount(above);
                if (!(probabilities[id] > floor))
                {
                    continue;
                }

                if (count == room.Length)
                {
                    count = Likeliest(room, limit);
                    floor = Probability(room[0]);
                }

                // Positive floats sort like their bits; of equals the lower id comes last, and so wins.
                room[count++] = ((ulong)BitConverter.SingleToUInt32Bits(probabilities[id]) << 32) | ~(uint)id;
            }
        }

        var candidates = room[..Likeliest(room[..count], limit)];
        var mass = options.TopK > 0 ? 0.0 : 1.0;
        if (options.TopK > 0)
        {
            foreach (var candidate in candidates)
            {
                mass += Probability(candidate);
            }
        }

        probabilities.Clear();
        var kept = 0.0;
        var first = candidates.Length;
        while (first > 0 && kept < options.TopP * mass)
        {
            kept += Probability(candidates[--first]);
        }

        foreach (var candidate in candidates[first..])
        {
            probabilities[(int)~(uint)candidate] = (float)(Probability(candidate) / kept);
        }
    }

    /// <summary>Sorts the candidates, moves the likeliest to the front in ascending order, and returns how many there are.</summary>
    private static int Likeliest(Span<ulong> candidates, int limit)
    {
        candidates.Sort();
        var kept = Math.Min(limit, candidates.Length);
        candidates[^kept..].CopyTo(candidates);
        return kept;
    }

    private static float Probability(ulong candidate) => BitConverter.UInt32BitsToSingle((uint)(candidate >> 32));
}
