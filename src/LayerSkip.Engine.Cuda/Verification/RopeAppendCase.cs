using System.Runtime.InteropServices;

namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>The rotary embedding of queries and keys, and where keys and values go in the pages.</summary>
internal sealed class RopeAppendCase(RandomCaches caches) : KernelCase
{
    /// <summary>Of the values' magnitude: a product's and a sum's rounding, and the angle's.</summary>
    private const double Bound = 5e-7;

    public override string Kernel => "rope_append";

    public override IReadOnlyList<KernelSize> Sizes => caches.Sizes;

    /// <summary>The queries of the rows, then all pages.</summary>
    public override uint[] Run(KernelBench bench)
    {
        var device = caches.On(bench);
        var rows = caches.Append(bench, caches.Rows, device);
        var width = (caches.Heads + (2 * caches.KvHeads)) * caches.HeadDim;
        var qkv = bench.GetRows(rows.Qkv, caches.Rows.Length, width, Geometry.Padded(width));
        return [.. MemoryMarshal.Cast<float, uint>(qkv), .. bench.Get<uint>(device.Memory, (int)(caches.Pages * caches.PageBytes / 4))];
    }

    public override Deviation Compare(uint[] result)
    {
        var (heads, width) = (caches.Heads, (caches.Heads + (2 * caches.KvHeads)) * caches.HeadDim);
        var qkv = MemoryMarshal.Cast<uint, float>(result);
        var pages = qkv[(caches.Rows.Length * width)..];
        var deviation = new Deviation(Bound);
        for (var i = 0; i < caches.Rows.Length; i++)
        {
            var row = caches.Rows[i];
            for (var head = 0; head < heads; head++)
            {
                var expected = row.Position < 0 ? new double[caches.HeadDim] : caches.Turned(row, head);
                for (var d = 0; d < expected.Length; d++)
                {
                    deviation.Near(expected[d], qkv[(i * width) + (head * caches.HeadDim) + d], 1, i, (head * caches.HeadDim) + d);
                }
            }

            for (var head = 0; row.Position >= 0 && head < caches.KvHeads; head++)
            {
                var keys = pages.Slice(caches.PlaceOfKey(row.Sequence, row.Position, head), caches.Stride);
                var values = pages.Slice(caches.PlaceOfKey(row.Sequence, row.Position, head) + (Geometry.PagePositions * caches.Stride), caches.Stride);
                var key = caches.Turned(row, heads + head);
                var value = caches.Value(row, head);
                for (var d = 0; d < caches.Stride; d++)
                {
                    deviation.Near(d < key.Length ? key[d] : 0, keys[d], 1, i, d);
                    deviation.Same(d < value.Length ? value[d] : 0, values[d], "an element of the cached value of row", i);
                }
            }
        }

        return deviation;
    }
}
