using System.Runtime.InteropServices;

namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>The likeliest few of each row in order, of equals the lowest first, and NaN never.</summary>
internal sealed class TopKCase : KernelCase
{
    private readonly int _rows, _tokens, _count;
    private readonly float[] _logits;

    public TopKCase(int rows, int tokens, int count, Random random)
    {
        (_rows, _tokens, _count) = (rows, tokens, count);
        _logits = [.. Enumerable.Range(0, rows * tokens).Select(_ => random.Next(10) == 0 ? float.NaN : random.Next(-40, 40) / 8f)];
    }

    public override string Kernel => "top_k";

    public override IReadOnlyList<KernelSize> Sizes => [new("rows", _rows), new("tokens", _tokens), new("count", _count)];

    /// <summary>Values, then ids.</summary>
    public override uint[] Run(KernelBench bench)
    {
        var (values, ids) = (bench.Put(new float[_rows * _count]), bench.Put(new int[_rows * _count]));
        bench.Launch(Kernel, (_rows, 1, 1), 256, values, ids, bench.Put(_logits), _rows, _tokens, _tokens, _count);
        return [.. bench.Get<uint>(values, _rows * _count), .. bench.Get<uint>(ids, _rows * _count)];
    }

    public override Deviation Compare(uint[] result)
    {
        var deviation = new Deviation(0);
        var values = MemoryMarshal.Cast<uint, float>(result);
        var ids = MemoryMarshal.Cast<uint, int>(result.AsSpan(_rows * _count));
        for (var row = 0; row < _rows; row++)
        {
            var own = _logits[(row * _tokens)..((row + 1) * _tokens)];
            int[] order = [.. Enumerable.Range(0, _tokens).Where(id => !float.IsNaN(own[id])).OrderByDescending(id => own[id]).ThenBy(id => id)];
            for (var i = 0; i < _count; i++)
            {
                deviation.Same(i < order.Length ? order[i] : -1, ids[(row * _count) + i], $"of the likeliest tokens of row {row}, number", i);
                deviation.Same(i < order.Length ? own[order[i]] : float.NegativeInfinity, values[(row * _count) + i], $"of the greatest logits of row {row}, number", i);
            }
        }

        return deviation;
    }
}
