using System.Runtime.InteropServices;

namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>The most likely token of each row among all or among two lists', of equals the lowest, and how likely a softmax makes it. NaN is never chosen, and counts nothing.</summary>
internal sealed class GuessCase : KernelCase
{
    private const double Tolerance = 1e-6;
    private readonly int _rows, _tokens;
    private readonly float[] _logits;
    private readonly int[] _positions;
    private readonly int[]? _declared;
    private readonly int[] _own;

    public GuessCase(int rows, int tokens, Random random)
    {
        (_rows, _tokens) = (rows, tokens);
        _logits = [.. Enumerable.Range(0, rows * tokens).Select(_ => random.Next(20) == 0 ? float.NaN : random.Next(-80, 80) / 8f)];
        _positions = random.Positions(rows);
        var ids = Enumerable.Range(0, tokens).ToArray();
        random.Shuffle(ids);
        var declared = random.Next(1, tokens + 1);
        _declared = random.Next(3) == 0 ? null : ids[..declared];
        _own = ids[declared..][..random.Next(tokens - declared + 1)];
        if (rows > 1 && random.Next(4) == 0)
        {
            _logits.AsSpan((rows - 1) * tokens).Fill(float.NaN);
        }
    }

    public override string Kernel => "guess";

    public override IReadOnlyList<KernelSize> Sizes => [new("rows", _rows), new("tokens", _tokens)];

    /// <summary>The keys, then the tokens' likelihoods.</summary>
    public override uint[] Run(KernelBench bench)
    {
        var (best, likelihoods) = (bench.Put(new ulong[_rows]), bench.Put(new float[_rows]));
        bench.Launch(
            Kernel, (_rows, 1, 1), 256, best, likelihoods, bench.Put(_logits), bench.Put(_positions), _declared is null ? 0ul : bench.Put<int>([_declared.Length, .. _declared]),
            bench.Put<int>([_own.Length, .. _own]), _rows, _tokens, _tokens);
        return [.. bench.Get<uint>(best, 2 * _rows), .. bench.Get<uint>(likelihoods, _rows)];
    }

    public override Deviation Compare(uint[] result)
    {
        var deviation = new Deviation(Tolerance);
        var keys = MemoryMarshal.Cast<uint, ulong>(result.AsSpan(0, 2 * _rows));
        var likelihoods = MemoryMarshal.Cast<uint, float>(result.AsSpan(2 * _rows));
        for (var row = 0; row < _rows; row++)
        {
            var logits = _logits.AsSpan(row * _tokens, _tokens).ToArray();
            int[] ids = [.. (_declared is null ? Enumerable.Range(0, _tokens) : _declared.Concat(_own)).Where(id => _positions[row] >= 0 && !float.IsNaN(logits[id]))];
            var greatest = ids.Length == 0 ? -1 : ids.OrderByDescending(id => logits[id]).ThenBy(id => id).First();
            deviation.Same(greatest, ChoiceKey.Token(keys[row]), "the guess of row", row);
            deviation.Near(greatest < 0 ? 0 : 1 / ids.Sum(id => Math.Exp(logits[id] - logits[greatest])), likelihoods[row], 1, row);
        }

        return deviation;
    }
}
