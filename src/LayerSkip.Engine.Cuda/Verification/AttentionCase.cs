using System.Runtime.InteropServices;

namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>Attention over the cache: by spans or in tiles.</summary>
/// <param name="caches">The sequences.</param>
/// <param name="tiles">Which kernel.</param>
internal sealed class AttentionCase(RandomCaches caches, bool tiles) : KernelCase
{
    /// <summary>Of the greatest value's magnitude, or of the greatest score's.</summary>
    public const double Bound = 5e-6;

    /// <summary>Greatest score, weight, and two unused.</summary>
    private const int SpanHead = 4;

    public override string Kernel => $"attention_{(tiles ? "tiles" : "split")}_{caches.Suffix}";

    public override IReadOnlyList<KernelSize> Sizes => caches.Sizes;

    public override uint[] Run(KernelBench bench)
    {
        var rows = caches.Append(bench, caches.Rows, caches.On(bench));
        return tiles ? [.. MemoryMarshal.Cast<float, uint>(Tiles(bench, rows, caches.Rows.Length))] : bench.Get<uint>(Split(bench, rows, caches.Rows.Length), Partials);
    }

    private int Partials => caches.Rows.Length * caches.Heads * caches.Spans * (caches.Stride + SpanHead);

    /// <summary>Attends some rows, which may come from other sequences than their neighbours'.</summary>
    /// <returns>[rows, heads, head dimension]</returns>
    public float[] Attend(KernelBench bench, (int Sequence, int Position)[] rows)
    {
        var device = caches.Append(bench, rows, caches.On(bench));
        if (tiles)
        {
            return Tiles(bench, device, rows.Length);
        }

        var partial = Split(bench, device, rows.Length);
        var output = Output(bench, rows.Length);
        bench.Launch("attention_merge", (caches.Heads, rows.Length, 1), 64, output, partial, device.Positions, rows.Length, caches.Heads, caches.HeadDim, caches.Spans);
        return Get(bench, output, rows.Length);
    }

    public override Deviation Compare(uint[] result) => tiles ? CompareMeans(MemoryMarshal.Cast<uint, float>(result)) : ComparePartials(MemoryMarshal.Cast<uint, float>(result));

    /// <summary>Compares what <see cref="Attend"/> gave for all rows.</summary>
    public Deviation CompareMeans(ReadOnlySpan<float> attended)
    {
        var deviation = new Deviation(Bound);
        for (var (i, at) = (0, 0); i < caches.Rows.Length; i++)
        {
            for (var head = 0; head < caches.Heads; head++, at += caches.HeadDim)
            {
                var position = caches.Rows[i].Position;
                var mean = position < 0 ? new double[caches.HeadDim] : caches.Attend(caches.Rows[i], head, 0, position + 1).Mean;
                for (var d = 0; d < mean.Length; d++)
                {
                    deviation.Near(mean[d], attended[at + d], 1, i, (head * caches.HeadDim) + d);
                }
            }
        }

        return deviation;
    }

    private Deviation ComparePartials(ReadOnlySpan<float> partials)
    {
        var deviation = new Deviation(Bound);
        var stride = caches.Stride + SpanHead;
        for (var (i, at) = (0, 0); i < caches.Rows.Length; i++)
        {
            var row = caches.Rows[i];
            for (var head = 0; head < caches.Heads; head++)
            {
                for (var span = 0; span < caches.Spans; span++, at += stride)
                {
                    var (first, end) = (span * Geometry.SpanPositions, Math.Min((span + 1) * Geometry.SpanPositions, row.Position + 1));
                    var partial = partials.Slice(at, stride);
                    if (first >= end)
                    {
                        deviation.Same(true, float.IsNaN(partial[0]), "without a position, whether the span is left alone, of row", i);
                        continue;
                    }

                    var (logWeight, mean) = caches.Attend(row, head, first, end);
                    deviation.Near(logWeight, partial[0] + Math.Log(partial[1]), Math.Max(1, Math.Abs(logWeight)), i, head);
                    for (var d = 0; d < mean.Length; d++)
                    {
                        deviation.Near(mean[d], partial[SpanHead + d] / (double)partial[1], 1, i, (head * caches.HeadDim) + d);
                    }
                }
            }
        }

        return deviation;
    }

    private ulong Split(KernelBench bench, RowsOnDevice rows, int count)
    {
        // Any number of blocks will do that leaves none more rows than it has room for.
        var (heads, fewest) = caches.Grid(count);
        var blocks = fewest + (int)Math.Round(caches.Spread * (count - fewest));
        var partial = bench.Put(Enumerable.Repeat(float.NaN, count * caches.Heads * caches.Spans * (caches.Stride + SpanHead)).ToArray());
        bench.Launch(
            $"attention_split_{caches.Suffix}", (caches.Spans, heads, blocks), 256, partial, rows.Qkv, rows.Positions, rows.Tables, count, caches.Heads, caches.KvHeads, caches.HeadDim,
            RandomCaches.Layer, caches.Spans, caches.Scale);
        return partial;
    }

    private float[] Tiles(KernelBench bench, RowsOnDevice rows, int count)
    {
        var (heads, blocks) = caches.Grid(count);
        var output = Output(bench, count);
        bench.Launch(
            $"attention_tiles_{caches.Suffix}", (heads, blocks, 1), 256, output, rows.Qkv, rows.Positions, rows.Tables, count, caches.Heads, caches.KvHeads, caches.HeadDim,
            RandomCaches.Layer, caches.Scale);
        return Get(bench, output, count);
    }

    private ulong Output(KernelBench bench, int count)
    {
        var width = caches.Heads * caches.HeadDim;
        return bench.PutActivations(new float[count * width], width);
    }

    private float[] Get(KernelBench bench, ulong output, int count)
    {
        var width = caches.Heads * caches.HeadDim;
        return bench.GetActivations(output, count, width);
    }
}
