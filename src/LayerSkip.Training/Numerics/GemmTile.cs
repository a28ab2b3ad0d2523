using System.Runtime.CompilerServices;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Training.Numerics;

/// <summary>One tile of a product, held in registers: c = addTo + a b over <c>depth</c> columns of a and rows of b.</summary>
/// <remarks>
/// Each element is one chain of fused multiply-adds in ascending order that starts at zero and is added to <c>addTo</c> last,
/// so every vector width gives the same bits. Six rows by four vectors fill 24 of AVX-512's 32 registers; six by two fill 12 of 16.
/// </remarks>
internal static unsafe class GemmTile<TLanes, TVector>
    where TLanes : struct, ILanes<TVector>
    where TVector : struct
{
    /// <summary>Six rows, four vectors of columns.</summary>
    /// <param name="depth">Length of the sums.</param>
    /// <param name="a">Element (r, k) stands at r · rowStep + k · depthStep.</param>
    /// <param name="rowStep">Floats from a row of a to the next.</param>
    /// <param name="depthStep">Floats from a column of a to the next.</param>
    /// <param name="b">[depth, four vectors].</param>
    /// <param name="bStep">Floats from a row of b to the next.</param>
    /// <param name="c">Six rows of four vectors, <paramref name="cStride"/> apart.</param>
    /// <param name="cStride">Floats from a row of c to the next.</param>
    /// <param name="addTo">Laid out like c, may be c; null for zero.</param>
    /// <param name="addStride">Floats from a row of addTo to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Wide(
        int depth, float* a, nint rowStep, nint depthStep, float* b, nint bStep, float* c, nint cStride, float* addTo, nint addStride)
    {
        TVector c00, c01, c02, c03, c10, c11, c12, c13, c20, c21, c22, c23, c30, c31, c32, c33, c40, c41, c42, c43, c50, c51, c52, c53;
        c00 = c01 = c02 = c03 = c10 = c11 = c12 = c13 = c20 = c21 = c22 = c23 = TLanes.Broadcast(0);
        c30 = c31 = c32 = c33 = c40 = c41 = c42 = c43 = c50 = c51 = c52 = c53 = TLanes.Broadcast(0);
        var a3 = a + (3 * rowStep);
        for (var k = 0; k < depth; k++)
        {
            var b0 = TLanes.Load(b);
            var b1 = TLanes.Load(b + TLanes.Count);
            var b2 = TLanes.Load(b + (2 * TLanes.Count));
            var b3 = TLanes.Load(b + (3 * TLanes.Count));

            var x = TLanes.Broadcast(a[0]);
            c00 = TLanes.MultiplyAdd(x, b0, c00);
            c01 = TLanes.MultiplyAdd(x, b1, c01);
            c02 = TLanes.MultiplyAdd(x, b2, c02);
            c03 = TLanes.MultiplyAdd(x, b3, c03);
            x = TLanes.Broadcast(a[rowStep]);
            c10 = TLanes.MultiplyAdd(x, b0, c10);
            c11 = TLanes.MultiplyAdd(x, b1, c11);
            c12 = TLanes.MultiplyAdd(x, b2, c12);
            c13 = TLanes.MultiplyAdd(x, b3, c13);
            x = TLanes.Broadcast(a[2 * rowStep]);
            c20 = TLanes.MultiplyAdd(x, b0, c20);
            c21 = TLanes.MultiplyAdd(x, b1, c21);
            c22 = TLanes.MultiplyAdd(x, b2, c22);
            c23 = TLanes.MultiplyAdd(x, b3, c23);
            x = TLanes.Broadcast(a3[0]);
            c30 = TLanes.MultiplyAdd(x, b0, c30);
            c31 = TLanes.MultiplyAdd(x, b1, c31);
            c32 = TLanes.MultiplyAdd(x, b2, c32);
            c33 = TLanes.MultiplyAdd(x, b3, c33);
            x = TLanes.Broadcast(a3[rowStep]);
            c40 = TLanes.MultiplyAdd(x, b0, c40);
            c41 = TLanes.MultiplyAdd(x, b1, c41);
            c42 = TLanes.MultiplyAdd(x, b2, c42);
            c43 = TLanes.MultiplyAdd(x, b3, c43);
            x = TLanes.Broadcast(a3[2 * rowStep]);
            c50 = TLanes.MultiplyAdd(x, b0, c50);
            c51 = TLanes.MultiplyAdd(x, b1, c51);
            c52 = TLanes.MultiplyAdd(x, b2, c52);
            c53 = TLanes.MultiplyAdd(x, b3, c53);

            a += depthStep;
            a3 += depthStep;
            b += bStep;
        }

        StorePair(c00, c01, c, addTo);
        StorePair(c02, c03, c + (2 * TLanes.Count), addTo is null ? null : addTo + (2 * TLanes.Count));
        Next(ref c, cStride, ref addTo, addStride);
        StorePair(c10, c11, c, addTo);
        StorePair(c12, c13, c + (2 * TLanes.Count), addTo is null ? null : addTo + (2 * TLanes.Count));
        Next(ref c, cStride, ref addTo, addStride);
        StorePair(c20, c21, c, addTo);
        StorePair(c22, c23, c + (2 * TLanes.Count), addTo is null ? null : addTo + (2 * TLanes.Count));
        Next(ref c, cStride, ref addTo, addStride);
        StorePair(c30, c31, c, addTo);
        StorePair(c32, c33, c + (2 * TLanes.Count), addTo is null ? null : addTo + (2 * TLanes.Count));
        Next(ref c, cStride, ref addTo, addStride);
        StorePair(c40, c41, c, addTo);
        StorePair(c42, c43, c + (2 * TLanes.Count), addTo is null ? null : addTo + (2 * TLanes.Count));
        Next(ref c, cStride, ref addTo, addStride);
        StorePair(c50, c51, c, addTo);
        StorePair(c52, c53, c + (2 * TLanes.Count), addTo is null ? null : addTo + (2 * TLanes.Count));
    }

    /// <summary>Six rows, two vectors of columns; parameters as for <see cref="Wide"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Narrow(
        int depth, float* a, nint rowStep, nint depthStep, float* b, nint bStep, float* c, nint cStride, float* addTo, nint addStride)
    {
        TVector c00, c01, c10, c11, c20, c21, c30, c31, c40, c41, c50, c51;
        c00 = c01 = c10 = c11 = c20 = c21 = c30 = c31 = c40 = c41 = c50 = c51 = TLanes.Broadcast(0);
        var a3 = a + (3 * rowStep);
        for (var k = 0; k < depth; k++)
        {
            var b0 = TLanes.Load(b);
            var b1 = TLanes.Load(b + TLanes.Count);

            var x = TLanes.Broadcast(a[0]);
            c00 = TLanes.MultiplyAdd(x, b0, c00);
            c01 = TLanes.MultiplyAdd(x, b1, c01);
            x = TLanes.Broadcast(a[rowStep]);
            c10 = TLanes.MultiplyAdd(x, b0, c10);
            c11 = TLanes.MultiplyAdd(x, b1, c11);
            x = TLanes.Broadcast(a[2 * rowStep]);
            c20 = TLanes.MultiplyAdd(x, b0, c20);
            c21 = TLanes.MultiplyAdd(x, b1, c21);
            x = TLanes.Broadcast(a3[0]);
            c30 = TLanes.MultiplyAdd(x, b0, c30);
            c31 = TLanes.MultiplyAdd(x, b1, c31);
            x = TLanes.Broadcast(a3[rowStep]);
            c40 = TLanes.MultiplyAdd(x, b0, c40);
            c41 = TLanes.MultiplyAdd(x, b1, c41);
            x = TLanes.Broadcast(a3[2 * rowStep]);
            c50 = TLanes.MultiplyAdd(x, b0, c50);
            c51 = TLanes.MultiplyAdd(x, b1, c51);

            a += depthStep;
            a3 += depthStep;
            b += bStep;
        }

        StorePair(c00, c01, c, addTo);
        Next(ref c, cStride, ref addTo, addStride);
        StorePair(c10, c11, c, addTo);
        Next(ref c, cStride, ref addTo, addStride);
        StorePair(c20, c21, c, addTo);
        Next(ref c, cStride, ref addTo, addStride);
        StorePair(c30, c31, c, addTo);
        Next(ref c, cStride, ref addTo, addStride);
        StorePair(c40, c41, c, addTo);
        Next(ref c, cStride, ref addTo, addStride);
        StorePair(c50, c51, c, addTo);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StorePair(TVector first, TVector second, float* c, float* addTo)
    {
        if (addTo is not null)
        {
            first = TLanes.MultiplyAdd(first, TLanes.Broadcast(1), TLanes.Load(addTo));
            second = TLanes.MultiplyAdd(second, TLanes.Broadcast(1), TLanes.Load(addTo + TLanes.Count));
        }

        TLanes.Store(first, c);
        TLanes.Store(second, c + TLanes.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Next(ref float* c, nint cStride, ref float* addTo, nint addStride)
    {
        c += cStride;
        addTo = addTo is null ? null : addTo + addStride;
    }
}
