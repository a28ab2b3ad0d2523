using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Tests.Devices.Cpu.Kernels;

/// <summary>The kernels between the matrix products, against double-precision references.</summary>
public unsafe class VectorKernelTests
{
    [Theory]
    [InlineData(3)]
    [InlineData(8)]
    [InlineData(20)]
    [InlineData(32)]
    public void Rotating_a_head_turns_each_plane_by_itself(int planes)
    {
        var random = new Random(planes);
        float[] Draw(int count) => [.. Enumerable.Range(0, count).Select(_ => (random.NextSingle() * 2) - 1)];
        var (head, cosines, sines) = (Draw(2 * planes), Draw(planes), Draw(planes));
        var expected = new float[2 * planes];
        for (var i = 0; i < planes; i++)
        {
            expected[i] = (head[i] * cosines[i]) - (head[planes + i] * sines[i]);
            expected[planes + i] = (head[planes + i] * cosines[i]) + (head[i] * sines[i]);
        }

        Rope.Rotate(head, cosines, sines);
        Assert.Equal(expected, head);
    }

    [Fact]
    public void Exp_is_accurate_over_its_whole_range()
    {
        for (var x = -87.3f; x < 88.7f; x += 0.0137f)
        {
            var expected = Math.Exp(x);
            Assert.InRange(VectorMath.Exp(Vector256.Create(x))[3], expected * (1 - 2.5e-7), expected * (1 + 2.5e-7));
        }

        Assert.Equal(1, VectorMath.Exp(Vector256<float>.Zero)[0]);
        Assert.Equal(0, VectorMath.Exp(Vector256.Create(float.NegativeInfinity))[0]);
        Assert.Equal(0, VectorMath.Exp(Vector256.Create(-1000f))[0]);
        Assert.Equal(float.PositiveInfinity, VectorMath.Exp(Vector256.Create(1000f))[0]);
    }

    [Fact]
    public void RmsNorm_equals_its_formula()
    {
        var random = new Random(1);
        for (var length = 1; length < 100; length++)
        {
            var (x, weight, y) = (Values(random, length), Values(random, length), new float[length]);
            RmsNorm.Apply(x, weight, y, 1e-5f);
            var scale = 1 / Math.Sqrt((x.Sum(static v => (double)v * v) / length) + 1e-5);
            for (var i = 0; i < length; i++)
            {
                Assert.Equal(x[i] * scale * weight[i], y[i], 1e-5);
            }
        }

        Assert.Throws<ArgumentException>(() => RmsNorm.Apply(new float[3], new float[4], new float[3], 1e-5f));
    }

    [Fact]
    public void GatedSilu_equals_its_formula()
    {
        var random = new Random(2);
        var (gate, up) = (Values(random, 64, 20), Values(random, 64));
        var expected = gate.Zip(up, static (g, u) => g / (1 + Math.Exp(-g)) * u).ToArray();
        GatedSilu.Apply(gate, up);
        for (var i = 0; i < gate.Length; i++)
        {
            Assert.Equal(expected[i], gate[i], 1e-5);
        }

        // Far out the sigmoid saturates without overflowing.
        float[] extremes = [-200, 200, 0, float.NegativeInfinity, 1, 1, 1, 1];
        GatedSilu.Apply(extremes, [1, 1, 1, 0, 1, 1, 1, 1]);
        Assert.Equal([0f, 200f, 0f], extremes[..3]);
        Assert.Throws<ArgumentException>(() => GatedSilu.Apply(new float[7], new float[7]));
    }

    /// <summary>CI runs these tests once more so, for what is computed with 256 bits on machines without AVX-512: it must not compute with 512 then.</summary>
    [Fact]
    public void A_runtime_told_to_do_without_AVX_512_does_without()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("DOTNET_EnableAVX512") == "0", "the runtime may use AVX-512");
        Assert.False(Avx512F.IsSupported);
        Assert.DoesNotContain(SimdPath.Avx512, SimdPaths.Available);
    }

    [Fact]
    public void Vectors_of_512_bits_give_the_bits_of_256()
    {
        Assert.SkipUnless(Avx512F.IsSupported, "the machine has no AVX-512");
        var random = new Random(5);
        float[] extremes = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, -87.3f, 88.7f, -0f, 1e30f, -1e30f];
        for (var round = 0; round < 2000; round++)
        {
            var x = Values(random, 16, 100);
            x[random.Next(16)] = extremes[random.Next(extremes.Length)];
            var wide = VectorMath.Exp(Vector512.Create<float>(x));
            Assert.Equal(VectorMath.Exp(Vector256.Create<float>(x)), wide.GetLower());
            Assert.Equal(VectorMath.Exp(Vector256.Create(x.AsSpan(8))), wide.GetUpper());
        }

        // Sizes that leave a narrower rest, against the same in pieces that no wide vector fits.
        var (gate, up) = (Values(random, 40, 20), Values(random, 40));
        var pieces = gate.ToArray();
        GatedSilu.Apply(gate, up);
        for (var i = 0; i < 40; i += 8)
        {
            GatedSilu.Apply(pieces.AsSpan(i, 8), up.AsSpan(i, 8));
        }

        Assert.Equal(pieces, gate);
    }

    [Fact]
    public void Four_queries_at_a_time_are_as_one_by_one()
    {
        var random = new Random(6);
        foreach (var size in (int[])[32, 50, 64, 96])
        {
            var padded = Attention.PaddedDimension(size);
            if (!QuadAttention.Suits(padded))
            {
                continue;
            }

            var (queries, keys, values) = (Values(random, 4 * size, 3), Values(random, size * Attention.BlockPositions), Values(random, padded * Attention.BlockPositions));
            float[] scores = new float[4 * Attention.BlockPositions], outputs = Values(random, 4 * padded);
            var (expectedScores, expected) = (scores.ToArray(), outputs.ToArray());
            var count = random.Next(1, Attention.BlockPositions + 1);
            fixed (float* q = queries, k = keys, v = values, s = scores, o = outputs, es = expectedScores, e = expected)
            {
                for (var query = 0; query < 4; query++)
                {
                    Attention.Scores(q + (query * size), k, size, 0.3f, es + (query * Attention.BlockPositions));
                    Attention.Accumulate(es + (query * Attention.BlockPositions), count, v, padded, e + (query * padded));
                }

                const int Next = Attention.BlockPositions;
                QuadAttention.Scores(q, q + size, q + (2 * size), q + (3 * size), k, size, 0.3f, s, s + Next, s + (2 * Next), s + (3 * Next));
                QuadAttention.Accumulate(s, s + Next, s + (2 * Next), s + (3 * Next), count, v, padded, o, o + padded, o + (2 * padded), o + (3 * padded));
            }

            Assert.Equal(expectedScores, scores);
            Assert.Equal(expected, outputs);
        }
    }

    [Fact]
    public void Attention_equals_softmax_of_scaled_dot_products()
    {
        var random = new Random(3);
        for (var round = 0; round < 40; round++)
        {
            var (size, positions) = (2 * random.Next(1, 40), random.Next(1, 100));
            var padded = (size + 7) / 8 * 8;
            var blocks = (positions + Attention.BlockPositions - 1) / Attention.BlockPositions;
            var (query, keys, values) = (Values(random, size, 3), Values(random, size * positions), Values(random, size * positions));
            using var keyMemory = new NativeBuffer(blocks * size * Attention.BlockPositions * sizeof(float));
            using var valueMemory = new NativeBuffer(blocks * padded * Attention.BlockPositions * sizeof(float));
            using var scores = new NativeBuffer(blocks * Attention.BlockPositions * sizeof(float));
            using var output = new NativeBuffer(padded * sizeof(float));
            for (var p = 0; p < positions; p++)
            {
                var (block, slot) = Math.DivRem(p, Attention.BlockPositions);
                for (var d = 0; d < size; d++)
                {
                    keyMemory.Floats[(((block * size) + d) * Attention.BlockPositions) + slot] = keys[(p * size) + d];
                    valueMemory.Floats[(p * padded) + d] = values[(p * size) + d];
                }
            }

            var scale = 1 / MathF.Sqrt(size);
            fixed (float* q = query)
            {
                for (var block = 0; block < blocks; block++)
                {
                    Attention.Scores(q, keyMemory.Floats + (block * size * Attention.BlockPositions), size, scale, scores.Floats + (block * Attention.BlockPositions));
                }
            }

            var sum = Attention.Exponentiate(scores.Floats, positions);
            for (int block = 0, p = 0; p < positions; block++, p += Attention.BlockPositions)
            {
                Attention.Accumulate(scores.Floats + p, Math.Min(Attention.BlockPositions, positions - p), valueMemory.Floats + (p * padded), padded, output.Floats);
            }

            var expected = NaiveAttention(query, keys, values, size, positions);
            for (var d = 0; d < size; d++)
            {
                Assert.Equal(expected[d], output.Floats[d] / sum, 1e-5);
            }
        }
    }

    [Fact]
    public void Attention_of_two_queries_has_the_bits_of_each()
    {
        var random = new Random(8);
        for (var round = 0; round < 60; round++)
        {
            var (size, count) = (random.Next(1, 80), random.Next(1, Attention.BlockPositions + 1));
            var padded = Attention.PaddedDimension(size);
            var keys = Values(random, size * Attention.BlockPositions);
            var values = Values(random, padded * Attention.BlockPositions);
            var queries = new[] { Values(random, size), Values(random, size) };
            var single = new[] { new float[Attention.BlockPositions], new float[Attention.BlockPositions] };
            var pair = new[] { new float[Attention.BlockPositions], new float[Attention.BlockPositions] };
            var singleOutput = new[] { Values(random, padded), Values(random, padded) };
            var pairOutput = new[] { singleOutput[0].ToArray(), singleOutput[1].ToArray() };
            fixed (float* k = keys, v = values, q0 = queries[0], q1 = queries[1], s0 = single[0], s1 = single[1], p0 = pair[0], p1 = pair[1])
            fixed (float* t0 = singleOutput[0], t1 = singleOutput[1], o0 = pairOutput[0], o1 = pairOutput[1])
            {
                Attention.Scores(q0, k, size, 0.3f, s0);
                Attention.Scores(q1, k, size, 0.3f, s1);
                Attention.ScoresOfPair(q0, q1, k, size, 0.3f, p0, p1);
                Attention.Accumulate(s0, count, v, padded, t0);
                Attention.Accumulate(s1, count, v, padded, t1);
                Attention.AccumulatePair(p0, p1, count, v, padded, o0, o1);
            }

            Assert.Equal(single, pair);
            Assert.Equal(singleOutput, pairOutput);
        }
    }

    [Fact]
    public void Rope_turns_each_pair_by_its_angle()
    {
        var config = Config(RopeScalingKind.None, 1);
        var frequencies = Rope.Frequencies(config);
        for (var i = 0; i < frequencies.Length; i++)
        {
            Assert.Equal(Math.Pow(config.RopeTheta, -2.0 * i / config.HeadDimension), frequencies[i], 1e-6);
        }

        var random = new Random(4);
        var head = Values(random, 8);
        var turned = head.ToArray();
        var (cosines, sines) = (new float[4], new float[4]);
        Rope.Angles(5, frequencies, cosines, sines);
        Rope.Rotate(turned, cosines, sines);
        for (var i = 0; i < 4; i++)
        {
            var angle = 5 * frequencies[i];
            Assert.Equal((head[i] * Math.Cos(angle)) - (head[i + 4] * Math.Sin(angle)), turned[i], 1e-5);
            Assert.Equal((head[i + 4] * Math.Cos(angle)) + (head[i] * Math.Sin(angle)), turned[i + 4], 1e-5);
        }
    }

    [Fact]
    public void Rope_scaling_follows_the_checkpoint()
    {
        var plain = Rope.Frequencies(Config(RopeScalingKind.None, 1));
        var linear = Rope.Frequencies(Config(RopeScalingKind.Linear, 4));
        Assert.Equal(plain.Select(static f => f / 4), linear, static (a, b) => Math.Abs(a - b) < 1e-9);

        // Llama 3.2: theta 500000, head dimension 64, factor 32, original context 8192. The expected values are those of
        // the published rule: short waves kept, long ones divided by the factor, a ramp between.
        var config = Config(RopeScalingKind.Llama3, 32) with { RopeTheta = 500000, HeadDimension = 64 };
        var unscaled = Rope.Frequencies(config with { RopeScaling = new(RopeScalingKind.None) });
        var scaled = Rope.Frequencies(config);
        for (var i = 0; i < scaled.Length; i++)
        {
            var turns = 8192 * unscaled[i] / (2 * Math.PI);
            var smooth = Math.Clamp((turns - 1) / 3, 0, 1);
            Assert.Equal(unscaled[i] * (((1 - smooth) / 32) + smooth), scaled[i], 1e-6 * unscaled[i]);
        }

        Assert.Equal(unscaled[0], scaled[0]);
        Assert.Equal(unscaled[^1] / 32, scaled[^1], 1e-12f);
    }

    [Fact]
    public void ArgMax_takes_the_first_of_equals_and_ignores_nan()
    {
        var random = new Random(5);
        for (var length = 1; length < 60; length++)
        {
            var values = Values(random, length);
            Assert.Equal(Array.IndexOf(values, values.Max()), ArgMax.Of(values));
            values[random.Next(length)] = 5;
            values[random.Next(length)] = 5;
            Assert.Equal(Array.IndexOf(values, 5f), ArgMax.Of(values));
        }

        Assert.Equal(2, ArgMax.Of([float.NaN, -3, 1, float.NaN]));
        Assert.Equal(0, ArgMax.Of([float.NaN, float.NaN]));
        Assert.Throws<ArgumentException>(() => ArgMax.Of([]));
    }

    private static ModelConfig Config(RopeScalingKind kind, float factor) => LayerSkip.Tests.TinyCheckpoint.DefaultConfig with
    {
        HeadDimension = 8, RopeScaling = new(kind, factor, 1, 4, 8192),
    };

    private static double[] NaiveAttention(float[] query, float[] keys, float[] values, int size, int positions)
    {
        var weights = new double[positions];
        for (var p = 0; p < positions; p++)
        {
            for (var d = 0; d < size; d++)
            {
                weights[p] += query[d] * (double)keys[(p * size) + d];
            }

            weights[p] = Math.Exp(weights[p] / Math.Sqrt(size));
        }

        var result = new double[size];
        for (var p = 0; p < positions; p++)
        {
            for (var d = 0; d < size; d++)
            {
                result[d] += weights[p] / weights.Sum() * values[(p * size) + d];
            }
        }

        return result;
    }

    private static float[] Values(Random random, int length, float range = 1) =>
        [.. Enumerable.Range(0, length).Select(_ => ((random.NextSingle() * 2) - 1) * range)];
}
