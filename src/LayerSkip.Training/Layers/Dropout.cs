using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Training.Numerics;

namespace LayerSkip.Training.Layers;

/// <summary>
/// Dropout of single activations (Srivastava et al. 2014): x[r, c] becomes x[r, c] m[r, c] / (1 − rate), with m[r, c] = 0 at the rate and 1
/// otherwise. The mask is drawn from the key, the row and the column alone, so the backward pass, which multiplies by the same mask, draws
/// it again in place of keeping it.
/// </summary>
/// <param name="Rate">In 0 .. 1 without 1; at 0 nothing changes.</param>
/// <param name="Key">Chooses the mask.</param>
internal readonly record struct Dropout(double Rate, ulong Key)
{
    /// <summary>The dropout of one place of the model, with a mask of its own.</summary>
    /// <param name="place">Its number.</param>
    public Dropout At(int place) => this with { Key = Mix(Key + (ulong)place) };

    /// <summary>Multiplies by the mask, and by 1 / (1 − rate).</summary>
    /// <param name="pool">The threads.</param>
    /// <param name="x">[R, C].</param>
    public void Apply(ComputePool pool, Matrix x)
    {
        if (Rate == 0)
        {
            return;
        }

        var dropout = this;
        pool.ForRows(x.Rows, row => ApplyRow(dropout.Mask(row), x.Row(row)));
    }

    /// <summary>A row's mask, for whoever has the row in registers already.</summary>
    public DropoutMask Mask(int row) => new(Rate, Mix(Key ^ Mix((ulong)row)));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ApplyRow(DropoutMask mask, Span<float> x)
    {
        ref var p = ref MemoryMarshal.GetReference(x);
        var i = 0;
        for (; i <= x.Length - DropoutMask.Lanes; i += DropoutMask.Lanes)
        {
            (Vector256.LoadUnsafe(ref p, (nuint)i) * mask.Next()).StoreUnsafe(ref p, (nuint)i);
        }

        var last = mask.Next();
        for (var lane = 0; i < x.Length; i++, lane++)
        {
            x[i] *= last[lane];
        }
    }

    /// <summary>SplitMix64's output function over the next of its states.</summary>
    internal static ulong Mix(ulong value)
    {
        var z = value + 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
