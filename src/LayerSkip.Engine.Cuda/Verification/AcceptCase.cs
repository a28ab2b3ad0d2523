using System.Runtime.InteropServices;

namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>A round ends with the confirmed prefix of its draft, and the full model's own token.</summary>
internal sealed class AcceptCase : KernelCase
{
    private const int LastInput = 5, FirstPosition = 10, NoRow = -2;
    private readonly int _slots, _drafted;
    private readonly int[] _tokens, _positions, _chosen;

    public AcceptCase(int slots, Random random)
    {
        (_slots, _drafted) = (slots, random.Next(slots));
        var stopped = _drafted > 0 && random.Next(3) == 0; // the last drafted token got no row
        _tokens = [.. Enumerable.Range(0, slots).Select(i => i == 0 ? LastInput : i <= _drafted ? random.Next(2) : -1)];
        _positions = [.. Enumerable.Range(0, slots).Select(i => i < _drafted || (i == _drafted && !stopped) ? FirstPosition + i : -1)];
        _chosen = [.. Enumerable.Range(0, slots).Select(i => _positions[i] < 0 || random.Next(9) == 0 ? -1 : random.Next(2))];
    }

    public override string Kernel => "accept";

    public override IReadOnlyList<KernelSize> Sizes => [new("slots", _slots)];

    /// <summary>The round's result, the next round's first token and position, the keys.</summary>
    public override uint[] Run(KernelBench bench)
    {
        var (result, tokens, positions) = (bench.Put(new int[3 + _slots]), bench.Put(_tokens), bench.Put(_positions));
        var best = bench.Put(Array.ConvertAll(_chosen, ChoiceKey.Of));
        bench.Launch(Kernel, (1, 1, 1), 1, result, tokens, positions, best, _slots);
        return [.. bench.Get<uint>(result, 3 + _slots), .. bench.Get<uint>(tokens, 1), .. bench.Get<uint>(positions, 1), .. bench.Get<uint>(best, 2 * _slots)];
    }

    public override Deviation Compare(uint[] result)
    {
        var accepted = 0;
        while (accepted < _drafted && _chosen[accepted] == _tokens[accepted + 1])
        {
            accepted++;
        }

        var next = _positions[accepted] < 0 ? NoRow : _chosen[accepted];
        var deviation = new Deviation(0);
        deviation.Same<int>(
            [_drafted, accepted, next, FirstPosition, .. _tokens[1..], next < 0 ? LastInput : next, next < 0 ? FirstPosition : FirstPosition + 1 + accepted],
            MemoryMarshal.Cast<uint, int>(result.AsSpan(0, 5 + _slots)),
            "of {drafted, accepted, next, position, draft ..., next round's token and position}, number");
        deviation.Same(new uint[2 * _slots], result.AsSpan(5 + _slots), "half of the keys left, number");
        return deviation;
    }
}
