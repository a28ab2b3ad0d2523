using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LayerSkip.Training.Numerics;

/// <summary>Copies a product's factors into the order in which tiles read them.</summary>
internal static unsafe class GemmPacking
{
    /// <summary>How many rows of memory ahead to fetch: they stand too far apart for the processor to guess.</summary>
    private const int PrefetchDistance = 8;

    /// <summary>Floats from a packed tile of rows to the next: not a multiple of a page, lest the tiles fall into the same cache sets.</summary>
    public static int TileStride(int count) => (GemmKernel.Rows * count) + 16;

    /// <summary>Whole tiles of a transposed view, whose columns are contiguous, as [tile][count][tile rows].</summary>
    /// <param name="source">Its first element.</param>
    /// <param name="columnStride">Floats from a column to the next.</param>
    /// <param name="rows">Number of rows, a multiple of a tile's.</param>
    /// <param name="count">Number of columns.</param>
    /// <param name="packed">Room for the tiles, <see cref="TileStride"/> apart.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackRows(float* source, nint columnStride, int rows, int count, float* packed)
    {
        var tileStride = TileStride(count);
        for (var k = 0; k < count; k++, source += columnStride, packed += GemmKernel.Rows)
        {
            if (Sse.IsSupported && k < count - PrefetchDistance)
            {
                for (var line = 0; line < rows; line += 16)
                {
                    Sse.Prefetch0(source + (PrefetchDistance * columnStride) + line);
                }
            }

            // Eight at a time for a tile's six: the next column overwrites the two that are too many, and those of the last stay between the tiles.
            var destination = packed;
            var row = 0;
            for (; row < rows - GemmKernel.Rows; row += GemmKernel.Rows, destination += tileStride)
            {
                Vector256.Load(source + row).Store(destination);
            }

            if (row < rows)
            {
                Vector128.Load(source + row).Store(destination);
                *(long*)(destination + 4) = *(long*)(source + row + 4);
            }
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
                if (Sse.IsSupported && k < count - PrefetchDistance)
                {
                    for (var line = 0; line < columns; line += 16)
                    {
                        Sse.Prefetch0(source + ((nint)(k + PrefetchDistance) * b.RowStride) + line);
                    }
                }

                Copy(source + ((nint)k * b.RowStride), packed + ((nint)k * width), columns);
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

    /// <summary>A row of a panel: so short that a call would cost more than the copy.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Copy(float* source, float* destination, int count)
    {
        var i = 0;
        for (; i <= count - Vector256<float>.Count; i += Vector256<float>.Count)
        {
            Vector256.Load(source + i).Store(destination + i);
        }

        for (; i < count; i++)
        {
            destination[i] = source[i];
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
