using System.Runtime.InteropServices;

namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>The merging of spans' sums.</summary>
internal sealed class AttentionMergeCase : KernelCase
{
    private const int SpanHead = 4;
    private readonly int _rows, _heads, _headDim, _spans, _stride;
    private readonly int[] _positions;
    private readonly float[] _partials;

    public AttentionMergeCase(int rows, int heads, int headDim, int spans, Random random)
    {
        (_rows, _heads, _headDim, _spans, _stride) = (rows, heads, headDim, spans, Geometry.Up(headDim, 4) + SpanHead);
        _positions = Array.ConvertAll(random.Positions(rows), row => row < 0 ? -1 : random.Next(spans * Geometry.SpanPositions));
        _partials = new float[rows * heads * spans * _stride];
        Array.Fill(_partials, float.NaN); // pads, and spans behind a row's position
        for (var at = 0; at < _partials.Length; at += _stride)
        {
            var row = at / (heads * spans * _stride);
            if (at / _stride % spans <= _positions[row] / Geometry.SpanPositions)
            {
                var weight = 1 + (float)(63 * random.NextDouble());
                (_partials[at], _partials[at + 1]) = ((float)(20 * (random.NextDouble() - 0.5)), weight);
                foreach (ref var value in _partials.AsSpan(at + SpanHead, headDim))
                {
                    value = weight * (float)((2 * random.NextDouble()) - 1);
                }
            }
        }
    }

    public override string Kernel => "attention_merge";

    public override IReadOnlyList<KernelSize> Sizes => [new("rows", _rows), new("heads", _heads), new("head size", _headDim), new("spans", _spans)];

    public override uint[] Run(KernelBench bench)
    {
        var width = _heads * _headDim;
        var output = bench.PutActivations(new float[_rows * width], width);
        bench.Launch(Kernel, (_heads, _rows, 1), 64, output, bench.Put(_partials), bench.Put(_positions), _rows, _heads, _headDim, _spans);
        return [.. MemoryMarshal.Cast<float, uint>(bench.GetActivations(output, _rows, width))];
    }

    public override Deviation Compare(uint[] result)
    {
        var values = MemoryMarshal.Cast<uint, float>(result);
        var deviation = new Deviation(AttentionCase.Bound);
        for (var row = 0; row < _rows; row++)
        {
            for (var head = 0; head < _heads; head++)
            {
                var first = ((row * _heads) + head) * _spans * _stride;
                var used = _positions[row] < 0 ? 0 : 1 + (_positions[row] / Geometry.SpanPositions);
                var weights = Enumerable.Range(0, used).Select(span => _partials[first + (span * _stride) + 1] * Math.Exp(_partials[first + (span * _stride)])).ToArray();
                for (var d = 0; d < _headDim; d++)
                {
                    var mean = 0.0;
                    for (var span = 0; span < used; span++)
                    {
                        var at = first + (span * _stride);
                        mean += weights[span] * _partials[at + SpanHead + d] / _partials[at + 1];
                    }

                    deviation.Near(used == 0 ? 0 : mean / weights.Sum(), values[(((row * _heads) + head) * _headDim) + d], 1, row, (head * _headDim) + d);
                }
            }
        }

        return deviation;
    }
}
