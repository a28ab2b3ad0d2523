using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LayerSkip.Training.Numerics;

/// <summary>Sums over float32 vectors, in a fixed order.</summary>
internal static class Vectors
{
    /// <summary>y += x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(ReadOnlySpan<float> x, Span<float> y)
    {
        ThrowUnlessEqual(x.Length, y.Length);
        ref var px = ref MemoryMarshal.GetReference(x);
        ref var py = ref MemoryMarshal.GetReference(y);
        var i = 0;
        for (; i <= x.Length - 8; i += 8)
        {
            (Vector256.LoadUnsafe(ref px, (nuint)i) + Vector256.LoadUnsafe(ref py, (nuint)i)).StoreUnsafe(ref py, (nuint)i);
        }

        for (; i < x.Length; i++)
        {
            y[i] += x[i];
        }
    }

    /// <summary>y = factor x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scale(ReadOnlySpan<float> x, float factor, Span<float> y)
    {
        ThrowUnlessEqual(x.Length, y.Length);
        ref var px = ref MemoryMarshal.GetReference(x);
        ref var py = ref MemoryMarshal.GetReference(y);
        var i = 0;
        for (; i <= x.Length - 8; i += 8)
        {
            (Vector256.LoadUnsafe(ref px, (nuint)i) * factor).StoreUnsafe(ref py, (nuint)i);
        }

        for (; i < x.Length; i++)
        {
            y[i] = x[i] * factor;
        }
    }

    /// <summary>Σ x².</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double SumOfSquares(ReadOnlySpan<float> x)
    {
        ref var px = ref MemoryMarshal.GetReference(x);
        Vector256<double> low = default, high = default;
        var i = 0;
        for (; i <= x.Length - 8; i += 8)
        {
            var (a, b) = Vector256.Widen(Vector256.LoadUnsafe(ref px, (nuint)i));
            low += a * a;
            high += b * b;
        }

        var sum = Vector256.Sum(low + high);
        for (; i < x.Length; i++)
        {
            sum += (double)x[i] * x[i];
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ThrowUnlessEqual(int x, int y)
    {
        if (x != y)
        {
            throw new ArgumentException($"lengths differ: {x} and {y}");
        }
    }
}
