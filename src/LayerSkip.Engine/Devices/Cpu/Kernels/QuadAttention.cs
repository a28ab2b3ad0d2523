using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>What <see cref="Attention"/> computes, for four queries at a time with vectors of 512 bits: the same chains, and the same bits.</summary>
internal static unsafe class QuadAttention
{
    /// <summary>Whether this machine has the vectors, and values of this length fill them.</summary>
    public static bool Suits(int paddedDimension) => Avx512F.IsSupported && paddedDimension % 32 == 0;

    /// <summary>As <see cref="Attention.Scores"/>, of four queries over the same keys. Queries may coincide, and their scores then do.</summary>
    /// <param name="first">headDimension floats, as of the other queries.</param>
    /// <param name="second">The second query.</param>
    /// <param name="third">The third query.</param>
    /// <param name="fourth">The fourth query.</param>
    /// <param name="keys">[headDimension, 32].</param>
    /// <param name="headDimension">Length of the dot products.</param>
    /// <param name="scale">Factor of every score.</param>
    /// <param name="firstScores">32 floats, as for the other queries.</param>
    /// <param name="secondScores">The second query's scores.</param>
    /// <param name="thirdScores">The third query's scores.</param>
    /// <param name="fourthScores">The fourth query's scores.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scores(
        float* first, float* second, float* third, float* fourth, float* keys, int headDimension, float scale,
        float* firstScores, float* secondScores, float* thirdScores, float* fourthScores)
    {
        Vector512<float> s0 = default, s1 = default, t0 = default, t1 = default, u0 = default, u1 = default, v0 = default, v1 = default;
        for (nint d = 0; d < headDimension; d++, keys += Attention.BlockPositions)
        {
            var (k0, k1) = (Vector512.Load(keys), Vector512.Load(keys + 16));
            var q = Vector512.Create(first[d]);
            s0 = Avx512F.FusedMultiplyAdd(q, k0, s0);
            s1 = Avx512F.FusedMultiplyAdd(q, k1, s1);
            q = Vector512.Create(second[d]);
            t0 = Avx512F.FusedMultiplyAdd(q, k0, t0);
            t1 = Avx512F.FusedMultiplyAdd(q, k1, t1);
            q = Vector512.Create(third[d]);
            u0 = Avx512F.FusedMultiplyAdd(q, k0, u0);
            u1 = Avx512F.FusedMultiplyAdd(q, k1, u1);
            q = Vector512.Create(fourth[d]);
            v0 = Avx512F.FusedMultiplyAdd(q, k0, v0);
            v1 = Avx512F.FusedMultiplyAdd(q, k1, v1);
        }

        var factor = Vector512.Create(scale);
        (s0 * factor).Store(firstScores);
        (s1 * factor).Store(firstScores + 16);
        (t0 * factor).Store(secondScores);
        (t1 * factor).Store(secondScores + 16);
        (u0 * factor).Store(thirdScores);
        (u1 * factor).Store(thirdScores + 16);
        (v0 * factor).Store(fourthScores);
        (v1 * factor).Store(fourthScores + 16);
    }

    /// <summary>As <see cref="Attention.Accumulate"/>, of four queries over the same values. Queries may coincide.</summary>
    /// <param name="firstWeights">The first query's weights of the block's positions; <paramref name="count"/> floats, as of the other queries.</param>
    /// <param name="secondWeights">The second query's weights.</param>
    /// <param name="thirdWeights">The third query's weights.</param>
    /// <param name="fourthWeights">The fourth query's weights.</param>
    /// <param name="count">Positions of the block that count for all four, 1 .. 32.</param>
    /// <param name="values">[32, paddedDimension].</param>
    /// <param name="paddedDimension">One that <see cref="Suits"/>: a multiple of 32.</param>
    /// <param name="firstOutput">paddedDimension floats, as for the other queries.</param>
    /// <param name="secondOutput">The second query's sums.</param>
    /// <param name="thirdOutput">The third query's sums.</param>
    /// <param name="fourthOutput">The fourth query's sums.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Accumulate(
        float* firstWeights, float* secondWeights, float* thirdWeights, float* fourthWeights, int count, float* values, int paddedDimension,
        float* firstOutput, float* secondOutput, float* thirdOutput, float* fourthOutput)
    {
        for (var d = 0; d < paddedDimension; d += 32)
        {
            Vector512<float> o0 = Vector512.Load(firstOutput + d), o1 = Vector512.Load(firstOutput + d + 16);
            Vector512<float> p0 = Vector512.Load(secondOutput + d), p1 = Vector512.Load(secondOutput + d + 16);
            Vector512<float> q0 = Vector512.Load(thirdOutput + d), q1 = Vector512.Load(thirdOutput + d + 16);
            Vector512<float> r0 = Vector512.Load(fourthOutput + d), r1 = Vector512.Load(fourthOutput + d + 16);
            var v = values + d;
            for (nint p = 0; p < count; p++, v += paddedDimension)
            {
                var (v0, v1) = (Vector512.Load(v), Vector512.Load(v + 16));
                var w = Vector512.Create(firstWeights[p]);
                o0 = Avx512F.FusedMultiplyAdd(w, v0, o0);
                o1 = Avx512F.FusedMultiplyAdd(w, v1, o1);
                w = Vector512.Create(secondWeights[p]);
                p0 = Avx512F.FusedMultiplyAdd(w, v0, p0);
                p1 = Avx512F.FusedMultiplyAdd(w, v1, p1);
                w = Vector512.Create(thirdWeights[p]);
                q0 = Avx512F.FusedMultiplyAdd(w, v0, q0);
                q1 = Avx512F.FusedMultiplyAdd(w, v1, q1);
                w = Vector512.Create(fourthWeights[p]);
                r0 = Avx512F.FusedMultiplyAdd(w, v0, r0);
                r1 = Avx512F.FusedMultiplyAdd(w, v1, r1);
            }

            o0.Store(firstOutput + d);
            o1.Store(firstOutput + d + 16);
            p0.Store(secondOutput + d);
            p1.Store(secondOutput + d + 16);
            q0.Store(thirdOutput + d);
            q1.Store(thirdOutput + d + 16);
            r0.Store(fourthOutput + d);
            r1.Store(fourthOutput + d + 16);
        }
    }
}
