using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LayerSkip.Training.Numerics;

/// <summary>Copies a product's factors into the order in which tiles read them.</summary>
internal static unsafe class GemmPacking
{
    /// <summary>Part of a transposed view, whose columns are contiguous, as [count][rows]: the same layout without the gaps between columns.</summary>
    /// <param name="source">Its first element.</param>
    /// <param name="columnStride">Floats from a column to the next.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="count">Number of columns.</param>
    /// <param name="packed">Room for both.</param>
    public static void PackRows(float* source, nint columnStride, int rows, int count, float* packed)
    {
        for (var k = 0; k < count; k++, source += columnStride, packed += rows)
        {
            new ReadOnlySpan<float>(source, rows).CopyTo(new(packed, rows));
        }
    }

    /// <summary>Fewer rows than a tile has, as [count][tile rows]; those beyond the last are zero.</summary>
    public static void PackEdge(float* source, nint rowStride, nint columnStride, int rows, int count, float* packed)
    {
        for (var k = 0; k < count; k++)
        {
            for (var row = 0; row < GemmKernel.Rows; row++)
            {
                packed[(k * GemmKernel.Rows) + row] = row < rows ? source[(row * rowStride) + (k * columnStride)] : 0;
            }
        }
    }

    /// <summary>Columns [start, start + width) of b, rows [from, from + count), as [count][width]; columns beyond the last are zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackColumns(Matrix b, int from, int count, int start, int width, float* packed)
    {
        var columns = Math.Min(width, b.Columns - start);
        var source = b.Data + ((nint)from * b.RowStride) + ((nint)start * b.ColumnStride);
        if (columns < width)
        {
            new Span<float>(packed, count * width).Clear();
        }

        if (b.ColumnStride == 1)
        {
            for (var k = 0; k < count; k++)
            {
                new ReadOnlySpan<float>(source + ((nint)k * b.RowStride), columns).CopyTo(new(packed + ((nint)k * width), columns));
            }

            return;
        }

        var column = 0;
        for (; column <= columns - 4 && b.RowStride == 1; column += 4)
        {
            TransposeFour(source + ((nint)column * b.ColumnStride), b.ColumnStride, count, packed + column, width);
        }

        for (; column < columns; column++)
        {
            for (var k = 0; k < count; k++)
            {
                packed[((nint)k * width) + column] = source[((nint)k * b.RowStride) + ((nint)column * b.ColumnStride)];
            }
        }
    }

    /// <summary>Four contiguous rows to four adjacent columns: destination[k, r] = source[r, k].</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TransposeFour(float* source, nint stride, int count, float* destination, nint destinationStride)
    {
        var r0 = source;
        var r1 = r0 + stride;
        var r2 = r1 + stride;
        var r3 = r2 + stride;
        var k = 0;
        for (; Sse.IsSupported && k <= count - 4; k += 4, destination += 4 * destinationStride)
        {
            var (v0, v1, v2, v3) = (Vector128.Load(r0 + k), Vector128.Load(r1 + k), Vector128.Load(r2 + k), Vector128.Load(r3 + k));
            var (low01, high01) = (Sse.UnpackLow(v0, v1), Sse.UnpackHigh(v0, v1));
            var (low23, high23) = (Sse.UnpackLow(v2, v3), Sse.UnpackHigh(v2, v3));
            Sse.MoveLowToHigh(low01, low23).Store(destination);
            Sse.MoveHighToLow(low23, low01).Store(destination + destinationStride);
            Sse.MoveLowToHigh(high01, high23).Store(destination + (2 * destinationStride));
            Sse.MoveHighToLow(high23, high01).Store(destination + (3 * destinationStride));
        }

        for (; k < count; k++, destination += destinationStride)
        {
            (destination[0], destination[1], destination[2], destination[3]) = (r0[k], r1[k], r2[k], r3[k]);
        }
    }
}
