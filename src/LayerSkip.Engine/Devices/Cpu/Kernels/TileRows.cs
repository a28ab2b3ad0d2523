using System.Runtime.CompilerServices;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>The rows of a tile: two accumulators each.</summary>
/// <remarks>
/// The compiler keeps the fields of a local in registers, those of nested structs too, as long as all that touches them is inlined. What it
/// inlines into a method is bounded, so that three rows are written out.
/// </remarks>
internal static unsafe class TileRows<TLanes, TVector>
    where TLanes : ILanes<TVector>
    where TVector : struct
{
    /// <summary>Most rows of a tile: two accumulators a row leave four of 16 or 32 registers, for a pair's weights, an activation and a mask.</summary>
    public static int Most
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TLanes.Count == 16 ? 14 : 6;
    }

    /// <summary>A tile of some columns, for any number of rows: each number is compiled by itself, with its accumulators in registers.</summary>
    public interface ITile
    {
        /// <summary>y[r, :] (+)= x[r, :] · the tile's weights.</summary>
        /// <inheritdoc cref="TileRows{TLanes, TVector}.Run"/>
        void Run<TRows>(int inputs, float* x, nint xStride, float* y, nint yStride, bool accumulate)
            where TRows : struct, IRows<TRows>;
    }

    /// <summary>Outputs of one pair of vectors, for some rows.</summary>
    public interface IRows<TSelf>
        where TSelf : struct, IRows<TSelf>
    {
        static abstract int Count { get; }

        /// <summary>Starts from zero, or from what y holds.</summary>
        static abstract void Start(float* y, nint yStride, bool accumulate, out TSelf rows);

        /// <summary>Adds the products of each row's activation and one input's weights.</summary>
        void Add(float* x, nint xStride, TVector low, TVector high);

        void Store(float* y, nint yStride);
    }

    /// <summary>Runs a tile.</summary>
    /// <param name="rows">1 .. <see cref="Most"/>.</param>
    /// <param name="tile">The tile: its weights.</param>
    /// <param name="inputs">How many k to run over.</param>
    /// <param name="x">Activations [rows, inputs], rows <paramref name="xStride"/> floats apart.</param>
    /// <param name="xStride">Floats between rows of <paramref name="x"/>.</param>
    /// <param name="y">Outputs, rows <paramref name="yStride"/> floats apart.</param>
    /// <param name="yStride">Floats between rows of <paramref name="y"/>.</param>
    /// <param name="accumulate">Start from what y holds instead of from zero.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no tile of so many rows.</exception>
    public static void Run<TTile>(int rows, TTile tile, int inputs, float* x, nint xStride, float* y, nint yStride, bool accumulate)
        where TTile : struct, ITile
    {
        switch (rows)
        {
            case 1: tile.Run<One>(inputs, x, xStride, y, yStride, accumulate); break;
            case 2: tile.Run<Then<One, One>>(inputs, x, xStride, y, yStride, accumulate); break;
            case 3: tile.Run<Three>(inputs, x, xStride, y, yStride, accumulate); break;
            case 4: tile.Run<Then<Three, One>>(inputs, x, xStride, y, yStride, accumulate); break;
            case 5: tile.Run<Then<Three, Then<One, One>>>(inputs, x, xStride, y, yStride, accumulate); break;
            case 6: tile.Run<Then<Three, Three>>(inputs, x, xStride, y, yStride, accumulate); break;
            case 7: tile.Run<Then<Three, Then<Three, One>>>(inputs, x, xStride, y, yStride, accumulate); break;
            case 8: tile.Run<Then<Three, Then<Three, Then<One, One>>>>(inputs, x, xStride, y, yStride, accumulate); break;
            case 9: tile.Run<Then<Three, Then<Three, Three>>>(inputs, x, xStride, y, yStride, accumulate); break;
            case 10: tile.Run<Then<Three, Then<Three, Then<Three, One>>>>(inputs, x, xStride, y, yStride, accumulate); break;
            case 11: tile.Run<Then<Three, Then<Three, Then<Three, Then<One, One>>>>>(inputs, x, xStride, y, yStride, accumulate); break;
            case 12: tile.Run<Then<Three, Then<Three, Then<Three, Three>>>>(inputs, x, xStride, y, yStride, accumulate); break;
            case 13: tile.Run<Then<Three, Then<Three, Then<Three, Then<Three, One>>>>>(inputs, x, xStride, y, yStride, accumulate); break;
            case 14: tile.Run<Then<Three, Then<Three, Then<Three, Then<Three, Then<One, One>>>>>>(inputs, x, xStride, y, yStride, accumulate); break;
            default: throw new ArgumentOutOfRangeException(nameof(rows), rows, $"a tile has 1 to {Most} rows");
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StartRow(float* y, bool accumulate, out TVector low, out TVector high)
    {
        low = accumulate ? TLanes.Load(y) : TLanes.Broadcast(0);
        high = accumulate ? TLanes.Load(y + 16) : TLanes.Broadcast(0);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreRow(float* y, TVector low, TVector high)
    {
        TLanes.Store(low, y);
        TLanes.Store(high, y + 16);
    }

    public struct One : IRows<One>
    {
        private TVector _low;
        private TVector _high;

        public static int Count
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get => 1;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Start(float* y, nint yStride, bool accumulate, out One rows) =>
            StartRow(y, accumulate, out rows._low, out rows._high);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(float* x, nint xStride, TVector low, TVector high)
        {
            var a = TLanes.Broadcast(*x);
            _low = TLanes.MultiplyAdd(a, low, _low);
            _high = TLanes.MultiplyAdd(a, high, _high);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Store(float* y, nint yStride) => StoreRow(y, _low, _high);
    }

    public struct Three : IRows<Three>
    {
        private TVector _low0;
        private TVector _high0;
        private TVector _low1;
        private TVector _high1;
        private TVector _low2;
        private TVector _high2;

        public static int Count
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get => 3;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Start(float* y, nint yStride, bool accumulate, out Three rows)
        {
            StartRow(y, accumulate, out rows._low0, out rows._high0);
            StartRow(y + yStride, accumulate, out rows._low1, out rows._high1);
            StartRow(y + (2 * yStride), accumulate, out rows._low2, out rows._high2);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(float* x, nint xStride, TVector low, TVector high)
        {
            var a = TLanes.Broadcast(*x);
            _low0 = TLanes.MultiplyAdd(a, low, _low0);
            _high0 = TLanes.MultiplyAdd(a, high, _high0);
            a = TLanes.Broadcast(x[xStride]);
            _low1 = TLanes.MultiplyAdd(a, low, _low1);
            _high1 = TLanes.MultiplyAdd(a, high, _high1);
            a = TLanes.Broadcast(x[2 * xStride]);
            _low2 = TLanes.MultiplyAdd(a, low, _low2);
            _high2 = TLanes.MultiplyAdd(a, high, _high2);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Store(float* y, nint yStride)
        {
            StoreRow(y, _low0, _high0);
            StoreRow(y + yStride, _low1, _high1);
            StoreRow(y + (2 * yStride), _low2, _high2);
        }
    }

    /// <summary>Some rows, and more behind them.</summary>
    public struct Then<TFirst, TRest> : IRows<Then<TFirst, TRest>>
        where TFirst : struct, IRows<TFirst>
        where TRest : struct, IRows<TRest>
    {
        private TFirst _first;
        private TRest _rest;

        public static int Count
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get => TFirst.Count + TRest.Count;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Start(float* y, nint yStride, bool accumulate, out Then<TFirst, TRest> rows)
        {
            TFirst.Start(y, yStride, accumulate, out rows._first);
            TRest.Start(y + (TFirst.Count * yStride), yStride, accumulate, out rows._rest);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(float* x, nint xStride, TVector low, TVector high)
        {
            _first.Add(x, xStride, low, high);
            _rest.Add(x + (TFirst.Count * xStride), xStride, low, high);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Store(float* y, nint yStride)
        {
            _first.Store(y, yStride);
            _rest.Store(y + (TFirst.Count * yStride), yStride);
        }
    }
}
