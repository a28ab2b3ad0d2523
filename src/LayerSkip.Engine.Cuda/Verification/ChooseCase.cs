using System.Runtime.InteropServices;

namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>Keys become tokens, and are cleared.</summary>
internal sealed class ChooseCase(int rows, Random random) : KernelCase
{
    private readonly int[] _positions = random.Positions(rows);
    private readonly int[] _tokens = [.. Enumerable.Range(0, rows).Select(_ => random.Next(8) == 0 ? -1 : random.Next())];

    public override string Kernel => "choose";

    public override IReadOnlyList<KernelSize> Sizes => [new("rows", rows)];

    public override uint[] Run(KernelBench bench)
    {
        var (choices, best) = (bench.Put(new int[rows]), bench.Put(Array.ConvertAll(_tokens, ChoiceKey.Of)));
        bench.Launch(Kernel, (Geometry.Blocks(rows, 64), 1, 1), 64, choices, best, bench.Put(_positions), rows);
        return [.. bench.Get<uint>(choices, rows), .. bench.Get<uint>(best, 2 * rows)];
    }

    public override Deviation Compare(uint[] result)
    {
        var deviation = new Deviation(0);
        for (var row = 0; row < rows; row++)
        {
            deviation.Same(_positions[row] < 0 ? -1 : _tokens[row], (int)result[row], "the choice of row", row);
        }

        deviation.Same(new ulong[rows], MemoryMarshal.Cast<uint, ulong>(result.AsSpan(rows)), "the key left of row");
        return deviation;
    }
}
