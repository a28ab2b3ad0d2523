using System.Runtime.CompilerServices;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <content>
/// A tile's rows: two accumulators each. The compiler keeps the fields of a local in registers, those of nested structs too, as long as all that
/// touches them is inlined. What it inlines into a method is bounded, so that three rows are written out.
/// </content>
internal static unsafe partial class PanelTiles<TLanes, TVector, TFormat>
{
    /// <summary>Outputs of one pair of vectors, for some rows.</summary>
    private interface IRows<TSelf>
        where TSelf : struct, IRows<TSelf>
    {
        static abstract int Count { get; }

        /// <summary>Starts from zero, or from what y holds.</summary>
        static abstract void Start(float* y, nint yStride, bool accumulate, out TSelf rows);

        /// <summary>Adds the products of each row's activation and one input's weights.</summary>
        void Add(float* x, nint xStride, TVector low, TVector high);

        void Store(float* y, nint yStride);
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

    private struct One : IRows<One>
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

    private struct Three : IRows<Three>
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
    private struct Then<TFirst, TRest> : IRows<Then<TFirst, TRest>>
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
