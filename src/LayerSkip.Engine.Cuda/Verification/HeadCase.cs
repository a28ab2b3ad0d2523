using System.Runtime.InteropServices;
using LayerSkip.Engine.Cuda.Weights;

namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>The head with its arg-max, over the whole vocabulary and over a list of it: the key's logit, and that no other token's is greater.</summary>
internal sealed class HeadCase : KernelCase
{
    private readonly RandomMatrix _head;
    private readonly float[] _x;
    private readonly int[] _positions;
    private readonly int[] _ids;
    private readonly int _rows;

    public HeadCase(MatrixFormat format, int rows, int tokens, int inputs, Random random)
    {
        _rows = rows;
        _head = new(format, tokens, inputs, random);
        _x = random.Floats(rows * inputs);
        _positions = random.Positions(rows);
        _ids = [.. Enumerable.Range(0, tokens).Where(_ => random.Next(3) == 0).DefaultIfEmpty(tokens - 1)];
    }

    public override string Kernel => $"head_argmax_{_head.Format.Suffix()}";

    public override IReadOnlyList<KernelSize> Sizes => [new("rows", _rows), new("tokens", _head.Outputs), new("inputs", _head.Inputs)];

    /// <summary>The keys of all rows over all tokens, then over the list.</summary>
    public override uint[] Run(KernelBench bench)
    {
        var (data, scales) = _head.On(bench);
        var (x, positions) = (bench.PutActivations(_x, _head.Inputs), bench.Put(_positions));
        var keys = bench.Put(new ulong[2 * _rows]);
        foreach (var (list, target) in new[] { (0ul, keys), (bench.Put([_ids.Length, .. _ids]), keys + (sizeof(ulong) * (ulong)_rows)) })
        {
            bench.Launch(
                Kernel, (RandomProduct.FewBlocks(Geometry.Blocks(_head.Outputs, 16)), Geometry.Blocks(_rows, 16), 1), 256, target, data, scales, x, positions, list, _rows, _head.Outputs,
                _head.Inputs);
        }

        return bench.Get<uint>(keys, 4 * _rows);
    }

    public override Deviation Compare(uint[] result)
    {
        var keys = MemoryMarshal.Cast<uint, ulong>(result);
        var deviation = new Deviation(RandomProduct.Bound);
        int[] all = [.. Enumerable.Range(0, _head.Outputs)];
        for (var row = 0; row < _rows; row++)
        {
            var x = Array.ConvertAll(_x[(row * _head.Inputs)..((row + 1) * _head.Inputs)], value => (double)value);
            var logits = Array.ConvertAll(all, token => _head.Times(token, x));
            foreach (var (ids, key) in new[] { (all, keys[row]), (_ids, keys[_rows + row]) })
            {
                if (_positions[row] < 0)
                {
                    deviation.Same(0ul, key, "the key of no row", row);
                    continue;
                }

                var token = ChoiceKey.Token(key);
                if (!ids.Contains(token))
                {
                    deviation.Same(ids[0], token, "none of the tokens: the choice of row", row);
                    continue;
                }

                var (logit, magnitude) = logits[token];
                var greatest = ids.MaxBy(id => logits[id].Sum);
                deviation.Near(logit, ChoiceKey.Logit(key), magnitude + 1, row, token);
                deviation.Near(logits[greatest].Sum, logit, magnitude + logits[greatest].Magnitude + 1, row, token);
            }
        }

        return deviation;
    }
}
