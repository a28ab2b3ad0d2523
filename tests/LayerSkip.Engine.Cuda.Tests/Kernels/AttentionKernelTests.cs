using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Cuda.Tests.Kernels;

/// <summary>Rotary embedding, the cache's pages, and attention over them against double arithmetic.</summary>
public class AttentionKernelTests
{
    /// <summary>Of the greatest value's magnitude.</summary>
    private const double Bound = 5e-6;

    [Fact]
    public void Rotary_angles_are_the_CPU_devices_to_the_last_bit()
    {
        var config = new ModelConfig
        {
            VocabularySize = 1, HiddenSize = 64, IntermediateSize = 1, Layers = 1, AttentionHeads = 1, KeyValueHeads = 1, HeadDimension = 64, MaxPositions = 1 << 20,
            RopeTheta = 500000, RopeScaling = new(RopeScalingKind.Llama3, 8, 1, 4, 8192),
        };
        var frequencies = Rope.Frequencies(config);
        int[] positions = [0, 1, 2, 3, 100, 1023, 4097, 65535, 131071, 1 << 20];
        var planes = frequencies.Length;
        var angles = KernelBench.InBothOrders(bench =>
        {
            var target = bench.Put(new float[positions.Length * 2 * planes]);
            bench.Launch("rotary_angles", (positions.Length, 1, 1), 128, target, bench.Put(positions), bench.Put(frequencies), positions.Length, planes);
            return bench.Get<float>(target, positions.Length * 2 * planes);
        });
        var (cosines, sines) = (new float[planes], new float[planes]);
        for (var i = 0; i < positions.Length; i++)
        {
            Rope.Angles(positions[i], frequencies, cosines, sines);
            Assert.Equal([.. cosines, .. sines], angles[(i * 2 * planes)..((i + 1) * 2 * planes)]);
        }
    }

    [Theory]
    [InlineData(1, 1, 2, 40)]
    [InlineData(4, 2, 6, 100)]
    [InlineData(3, 3, 32, 130)]
    [InlineData(9, 1, 48, 65)]
    [InlineData(20, 1, 64, 33)] // more query heads than a block takes
    [InlineData(8, 2, 64, 2048)]
    [InlineData(4, 2, 100, 300)]
    [InlineData(2, 1, 128, 500)]
    [InlineData(2, 2, 130, 70)]
    [InlineData(10, 1, 256, 200)]
    public void Attention_over_the_cache_is_right_and_the_same_split_in_tiles_and_alone(int heads, int kvHeads, int headDim, int context)
    {
        var setting = new Setting(heads, kvHeads, headDim, context, new Random(heads + headDim));
        var split = KernelBench.InBothOrders(bench => setting.Run(bench, tiles: false, setting.Rows));
        var tiles = KernelBench.InBothOrders(bench => setting.Run(bench, tiles: true, setting.Rows));
        Assert.Equal(split, tiles);

        var width = heads * headDim;
        foreach (var alone in new[] { 0, setting.Rows.Length / 2, setting.Rows.Length - 1 })
        {
            using var bench = new KernelBench();
            Assert.Equal(split[(alone * width)..((alone + 1) * width)], setting.Run(bench, tiles: alone % 2 == 0, [setting.Rows[alone]]));
        }

        for (var i = 0; i < setting.Rows.Length; i++)
        {
            for (var head = 0; head < heads; head++)
            {
                var exact = setting.Exact(setting.Rows[i], head);
                for (var d = 0; d < headDim; d++)
                {
                    Assert.Equal(exact[d], split[(i * width) + (head * headDim) + d], Bound);
                }
            }
        }
    }

    /// <summary>Three sequences' random queries, keys and values, in pages that lie in no order, and rows of them to attend.</summary>
    private sealed class Setting
    {
        private const int Layers = 2, Layer = 1, Sequences = 3;

        private readonly int _heads, _kvHeads, _headDim, _width;
        private readonly float[][] _qkv; // by sequence: [positions, queries, keys, values]
        private readonly int[] _pageOrder;
        private readonly int[] _lengths;
        private readonly int _pages;
        private readonly float[] _frequencies;

        public Setting(int heads, int kvHeads, int headDim, int context, Random random)
        {
            (_heads, _kvHeads, _headDim, _width) = (heads, kvHeads, headDim, (heads + (2 * kvHeads)) * headDim);
            _lengths = [context, Math.Max(1, context / 3), 1];
            _qkv = Array.ConvertAll(_lengths, length => Enumerable.Range(0, length * _width).Select(_ => (float)((2 * random.NextDouble()) - 1)).ToArray());
            _pages = _lengths.Sum(Geometry.Pages);
            _pageOrder = [.. Enumerable.Range(0, _pages).OrderBy(_ => random.Next())];
            _frequencies = [.. Enumerable.Range(0, headDim / 2).Select(i => (float)Math.Pow(10000, -2.0 * i / headDim))];

            // A verification's rows, a few of another sequence, a row that is not there, and rows from all over.
            var rows = new List<(int Sequence, int Position)>();
            rows.AddRange(Enumerable.Range(Math.Max(0, context - 6), Math.Min(context, 6)).Select(position => (0, position)));
            rows.Add((2, 0));
            rows.AddRange(Enumerable.Range(0, Math.Min(3, _lengths[1])).Select(i => (1, _lengths[1] - 1 - i)));
            rows.Add((0, -1));
            rows.AddRange(Enumerable.Range(0, 5).Select(_ => (0, random.Next(context))));
            Rows = [.. rows];
        }

        public (int Sequence, int Position)[] Rows { get; }

        /// <summary>Appends all positions to the caches, and attends rows.</summary>
        public float[] Run(KernelBench bench, bool tiles, (int Sequence, int Position)[] rows)
        {
            var stride = Geometry.Up(_headDim, 4);
            var pageFloats = Layers * _kvHeads * 2 * Geometry.PagePositions * stride;
            var pageBytes = Geometry.Up(pageFloats * 4L, 256);
            var memory = bench.Put(Enumerable.Repeat(float.NaN, (int)(_pages * pageBytes / 4)).ToArray());
            var tables = new ulong[Sequences];
            var page = 0;
            for (var sequence = 0; sequence < Sequences; sequence++)
            {
                tables[sequence] = bench.Put([.. Enumerable.Range(0, Geometry.Pages(_lengths[sequence])).Select(_ => memory + ((ulong)_pageOrder[page++] * (ulong)pageBytes))]);
            }

            for (var sequence = 0; sequence < Sequences; sequence++)
            {
                Append(bench, [.. Enumerable.Range(0, _lengths[sequence]).Select(position => (sequence, position))], tables);
            }

            var (qkv, positions, own) = Append(bench, rows, tables);
            var outStride = KernelBench.Padded(_heads * _headDim);
            var output = bench.PutRows(new float[rows.Length * _heads * _headDim], _heads * _headDim, outStride);
            var suffix = _headDim <= 64 ? "d64" : _headDim <= 128 ? "d128" : "d256";
            var queries = _headDim <= 128 ? 16 : 8;
            var group = _heads / _kvHeads;
            var (x, y) = (_kvHeads * Geometry.Blocks(group, queries), Geometry.Blocks(rows.Length, Math.Max(1, queries / group)));
            var scale = 1 / MathF.Sqrt(_headDim);
            if (tiles)
            {
                bench.Launch("attention_tiles_" + suffix, (x, y, 1), 128, output, qkv, positions, own, rows.Length, _heads, _kvHeads, _headDim, Layer, scale);
            }
            else
            {
                // One span more than is needed.
                var spans = Geometry.Spans(_lengths[0]) + 1;
                var partial = bench.Put(Enumerable.Repeat(float.NaN, rows.Length * _heads * spans * (stride + 4)).ToArray());
                bench.Launch("attention_split_" + suffix, (spans, x, y), 128, partial, qkv, positions, own, rows.Length, _heads, _kvHeads, _headDim, Layer, spans, scale);
                bench.Launch("attention_merge", (_heads, rows.Length, 1), 64, output, partial, positions, rows.Length, _heads, _headDim, spans);
            }

            return bench.GetRows(output, rows.Length, _heads * _headDim, outStride);
        }

        /// <summary>Attention of a row's head in double arithmetic; zeros where there is no row.</summary>
        public double[] Exact((int Sequence, int Position) row, int head)
        {
            var result = new double[_headDim];
            if (row.Position < 0)
            {
                return result;
            }

            var kvHead = head / (_heads / _kvHeads);
            var query = Turned(row, head);
            var scores = new double[row.Position + 1];
            for (var position = 0; position <= row.Position; position++)
            {
                var key = Turned((row.Sequence, position), _heads + kvHead);
                scores[position] = query.Zip(key, (a, b) => a * b).Sum() / Math.Sqrt(_headDim);
            }

            var greatest = scores.Max();
            var sum = scores.Sum(score => Math.Exp(score - greatest));
            for (var position = 0; position <= row.Position; position++)
            {
                var weight = Math.Exp(scores[position] - greatest) / sum;
                for (var d = 0; d < _headDim; d++)
                {
                    result[d] += weight * _qkv[row.Sequence][(position * _width) + ((_heads + _kvHeads + kvHead) * _headDim) + d];
                }
            }

            return result;
        }

        private (ulong Qkv, ulong Positions, ulong Tables) Append(KernelBench bench, (int Sequence, int Position)[] rows, ulong[] tables)
        {
            var values = rows.SelectMany(row => row.Position < 0 ? new float[_width] : _qkv[row.Sequence].AsSpan(row.Position * _width, _width).ToArray()).ToArray();
            var qkv = bench.PutRows(values, _width, KernelBench.Padded(_width));
            var positions = bench.Put(Array.ConvertAll(rows, row => row.Position));
            var own = bench.Put(Array.ConvertAll(rows, row => tables[row.Sequence]));
            var angles = bench.Put(new float[rows.Length * _headDim]);
            bench.Launch("rotary_angles", (rows.Length, 1, 1), 128, angles, positions, bench.Put(_frequencies), rows.Length, _headDim / 2);
            bench.Launch("rope_append", (rows.Length, 1, 1), 128, qkv, angles, positions, own, rows.Length, _heads, _kvHeads, _headDim, Layer);
            return (qkv, positions, own);
        }

        private double[] Turned((int Sequence, int Position) row, int head)
        {
            var source = _qkv[row.Sequence].AsSpan((row.Position * _width) + (head * _headDim), _headDim);
            var turned = new double[_headDim];
            var half = _headDim / 2;
            for (var i = 0; i < half; i++)
            {
                var (sine, cosine) = Math.SinCos(row.Position * _frequencies[i]);
                turned[i] = (source[i] * cosine) - (source[half + i] * sine);
                turned[half + i] = (source[half + i] * cosine) + (source[i] * sine);
            }

            return turned;
        }
    }
}
