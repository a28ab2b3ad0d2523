using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>Causal attention of one query head over a cache in blocks.</summary>
/// <remarks>
/// A block holds <see cref="BlockPositions"/> positions: keys transposed, [headDimension, 32], so that positions are lanes and
/// scores need no horizontal sums; values [32, headDimension padded to 8]. Each score and each output element is one chain of
/// fused multiply-adds in ascending order, so a row's result depends on nothing but the row and its cache.
/// </remarks>
internal static unsafe class Attention
{
    /// <summary>Positions of a cache block.</summary>
    public const int BlockPositions = 32;

    /// <summary>Floats of a value row: the head dimension rounded up to whole vectors.</summary>
    public static int PaddedDimension(int headDimension) => (headDimension + 7) / 8 * 8;

    /// <summary>scores[p] = q · k[p] / sqrt(headDimension) for the positions of one block.</summary>
    /// <param name="query">headDimension floats.</param>
    /// <param name="keys">[headDimension, 32].</param>
    /// <param name="headDimension">Length of the dot products.</param>
    /// <param name="scale">Factor of every score.</param>
    /// <param name="scores">32 floats.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scores(float* query, float* keys, int headDimension, float scale, float* scores)
    {
        Vector256<float> s0 = default, s1 = default, s2 = default, s3 = default;
        for (var d = 0; d < headDimension; d++, keys += BlockPositions)
        {
            var q = Vector256.Create(query[d]);
            s0 = Vector256.FusedMultiplyAdd(q, Vector256.Load(keys), s0);
            s1 = Vector256.FusedMultiplyAdd(q, Vector256.Load(keys + 8), s1);
            s2 = Vector256.FusedMultiplyAdd(q, Vector256.Load(keys + 16), s2);
            s3 = Vector256.FusedMultiplyAdd(q, Vector256.Load(keys + 24), s3);
        }

        var factor = Vector256.Create(scale);
        (s0 * factor).Store(scores);
        (s1 * factor).Store(scores + 8);
        (s2 * factor).Store(scores + 16);
        (s3 * factor).Store(scores + 24);
    }

    /// <summary><see cref="Scores"/> of two queries over the same keys: each load serves both, and the same bits come out.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ScoresOfPair(float* first, float* second, float* keys, int headDimension, float scale, float* firstScores, float* secondScores)
    {
        Vector256<float> s0 = default, s1 = default, s2 = default, s3 = default;
        Vector256<float> t0 = default, t1 = default, t2 = default, t3 = default;
        for (var d = 0; d < headDimension; d++, keys += BlockPositions)
        {
            var q = Vector256.Create(first[d]);
            var r = Vector256.Create(second[d]);
            var k0 = Vector256.Load(keys);
            var k1 = Vector256.Load(keys + 8);
            var k2 = Vector256.Load(keys + 16);
            var k3 = Vector256.Load(keys + 24);
            s0 = Vector256.FusedMultiplyAdd(q, k0, s0);
            s1 = Vector256.FusedMultiplyAdd(q, k1, s1);
            s2 = Vector256.FusedMultiplyAdd(q, k2, s2);
            s3 = Vector256.FusedMultiplyAdd(q, k3, s3);
            t0 = Vector256.FusedMultiplyAdd(r, k0, t0);
            t1 = Vector256.FusedMultiplyAdd(r, k1, t1);
            t2 = Vector256.FusedMultiplyAdd(r, k2, t2);
            t3 = Vector256.FusedMultiplyAdd(r, k3, t3);
        }

        var factor = Vector256.Create(scale);
        (s0 * factor).Store(firstScores);
        (s1 * factor).Store(firstScores + 8);
        (s2 * factor).Store(firstScores + 16);
        (s3 * factor).Store(firstScores + 24);
        (t0 * factor).Store(secondScores);
        (t1 * factor).Store(secondScores + 8);
        (t2 * factor).Store(secondScores + 16);
        (t3 * factor).Store(secondScores + 24);
    }

    /// <summary>Turns scores into weights e^(score - max), and returns their sum.</summary>
    /// <param name="scores">Room for <paramref name="count"/> rounded up to 8; what lies beyond the count becomes 0.</param>
    /// <param name="count">Positions attended to, at least 1.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Exponentiate(float* scores, int count)
    {
        // Scores have just been stored, eight at a time: read otherwise, they would have to reach the cache first.
        var end = (count + 7) / 8 * 8;
        var isCounted = Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(count - end + 8)).AsSingle();
        var largest = Vector256.ConditionalSelect(isCounted, Vector256.Load(scores + end - 8), Vector256.Create(float.NegativeInfinity));
        largest.Store(scores + end - 8);
        for (var p = 0; p < end - 8; p += 8)
        {
            largest = Vector256.Max(largest, Vector256.Load(scores + p));
        }

        var four = Vector128.Max(largest.GetLower(), largest.GetUpper());
        four = Vector128.Max(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1)));
        four = Vector128.Max(four, Vector128.Shuffle(four, Vector128.Create(1, 0, 3, 2)));
        var max = four.ToScalar();

        // Eight partial sums, whatever the vectors.
        Vector256<float> sum = default;
        var i = 0;
        if (Avx512F.IsSupported)
        {
            var maxes = Vector512.Create(max);
            for (; i <= end - 16; i += 16)
            {
                var weight = VectorMath.Exp(Vector512.Create(Vector256.Load(scores + i), Vector256.Load(scores + i + 8)) - maxes);
                weight.Store(scores + i);
                sum = sum + weight.GetLower() + weight.GetUpper();
            }
        }

        for (; i < end; i += 8)
        {
            var weight = VectorMath.Exp(Vector256.Load(scores + i) - Vector256.Create(max));
            weight.Store(scores + i);
            sum += weight;
        }

        return Vector256.Sum(sum);
    }

    /// <summary>output += Σ_p weights[p] · v[p] over the positions of one block.</summary>
    /// <param name="weights">Weights of the block's positions.</param>
    /// <param name="count">Positions of the block that count, 1 .. 32.</param>
    /// <param name="values">[32, paddedDimension].</param>
    /// <param name="paddedDimension">Head dimension, rounded up to a multiple of 8.</param>
    /// <param name="output">paddedDimension floats.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Accumulate(float* weights, int count, float* values, int paddedDimension, float* output)
    {
        var d = 0;
        for (; d <= paddedDimension - 32; d += 32)
        {
            var o0 = Vector256.Load(output + d);
            var o1 = Vector256.Load(output + d + 8);
            var o2 = Vector256.Load(output + d + 16);
            var o3 = Vector256.Load(output + d + 24);
            var v = values + d;
            for (var p = 0; p < count; p++, v += paddedDimension)
            {
                var w = Vector256.Create(weights[p]);
                o0 = Vector256.FusedMultiplyAdd(w, Vector256.Load(v), o0);
                o1 = Vector256.FusedMultiplyAdd(w, Vector256.Load(v + 8), o1);
                o2 = Vector256.FusedMultiplyAdd(w, Vector256.Load(v + 16), o2);
                o3 = Vector256.FusedMultiplyAdd(w, Vector256.Load(v + 24), o3);
            }

            o0.Store(output + d);
            o1.Store(output + d + 8);
            o2.Store(output + d + 16);
            o3.Store(output + d + 24);
        }

        for (; d < paddedDimension; d += 8)
        {
            var o = Vector256.Load(output + d);
            var v = values + d;
            for (var p = 0; p < count; p++, v += paddedDimension)
            {
                o = Vector256.FusedMultiplyAdd(Vector256.Create(weights[p]), Vector256.Load(v), o);
            }

            o.Store(output + d);
        }
    }

    /// <summary><see cref="Accumulate"/> of two rows of weights over the same values: each load serves both, and the same bits come out.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AccumulatePair(
        float* firstWeights, float* secondWeights, int count, float* values, int paddedDimension, float* firstOutput, float* secondOutput)
    {
        var d = 0;
        for (; d <= paddedDimension - 32; d += 32)
        {
            var o0 = Vector256.Load(firstOutput + d);
            var o1 = Vector256.Load(firstOutput + d + 8);
            var o2 = Vector256.Load(firstOutput + d + 16);
            var o3 = Vector256.Load(firstOutput + d + 24);
            var u0 = Vector256.Load(secondOutput + d);
            var u1 = Vector256.Load(secondOutput + d + 8);
            var u2 = Vector256.Load(secondOutput + d + 16);
            var u3 = Vector256.Load(secondOutput + d + 24);
            var v = values + d;
            for (var p = 0; p < count; p++, v += paddedDimension)
            {
                var w = Vector256.Create(firstWeights[p]);
                var x = Vector256.Create(secondWeights[p]);
                var v0 = Vector256.Load(v);
                var v1 = Vector256.Load(v + 8);
                var v2 = Vector256.Load(v + 16);
                var v3 = Vector256.Load(v + 24);
                o0 = Vector256.FusedMultiplyAdd(w, v0, o0);
                o1 = Vector256.FusedMultiplyAdd(w, v1, o1);
                o2 = Vector256.FusedMultiplyAdd(w, v2, o2);
                o3 = Vector256.FusedMultiplyAdd(w, v3, o3);
                u0 = Vector256.FusedMultiplyAdd(x, v0, u0);
                u1 = Vector256.FusedMultiplyAdd(x, v1, u1);
                u2 = Vector256.FusedMultiplyAdd(x, v2, u2);
                u3 = Vector256.FusedMultiplyAdd(x, v3, u3);
            }

            o0.Store(firstOutput + d);
            o1.Store(firstOutput + d + 8);
            o2.Store(firstOutput + d + 16);
            o3.Store(firstOutput + d + 24);
            u0.Store(secondOutput + d);
            u1.Store(secondOutput + d + 8);
            u2.Store(secondOutput + d + 16);
            u3.Store(secondOutput + d + 24);
        }

        for (; d < paddedDimension; d += 8)
        {
            var o = Vector256.Load(firstOutput + d);
            var u = Vector256.Load(secondOutput + d);
            var v = values + d;
            for (var p = 0; p < count; p++, v += paddedDimension)
            {
                var value = Vector256.Load(v);
                o = Vector256.FusedMultiplyAdd(Vector256.Create(firstWeights[p]), value, o);
                u = Vector256.FusedMultiplyAdd(Vector256.Create(secondWeights[p]), value, u);
            }

            o.Store(firstOutput + d);
            u.Store(secondOutput + d);
        }
    }
}
