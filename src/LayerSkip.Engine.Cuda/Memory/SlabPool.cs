using System.Collections.Concurrent;
using LayerSkip.Engine.Cuda.Driver;

namespace LayerSkip.Engine.Cuda.Memory;

/// <summary>Pieces of device memory of one size, cut from larger allocations: what is given back is handed out again without a call of the driver.</summary>
/// <remarks>
/// Slabs that nothing is used of are kept for who comes next, as many as were needed lately: one request's end must not cost the next one a wait and a call of
/// the driver for each page. <see cref="Trim"/> frees them where memory runs out.
/// Used under the model's gate, but for <see cref="Return"/>, which any thread may call at any time.
/// </remarks>
internal sealed class SlabPool
{
    private const long SlabBytes = 8 << 20;
    private const int Decay = 8; // of what was needed beyond what is in use, so large a part is forgotten each time pieces come back

    private readonly CudaContext _context;
    private readonly int _piecesPerSlab;
    private readonly List<Slab> _slabs = []; // by address
    private readonly ConcurrentQueue<ulong> _returned = new();
    private int _needed; // slabs

    /// <param name="context">Where the memory is.</param>
    /// <param name="pieceBytes">Bytes of a piece.</param>
    /// <param name="mostPieces">Pieces of a slab at most.</param>
    public SlabPool(CudaContext context, long pieceBytes, int mostPieces = 64)
    {
        _context = context;
        PieceBytes = Geometry.Up(pieceBytes, 256);
        _piecesPerSlab = (int)Math.Clamp(SlabBytes / PieceBytes, 1, mostPieces);
    }

    /// <summary>Bytes of a piece, a multiple of 256.</summary>
    public long PieceBytes { get; }

    private long BytesOfSlab => PieceBytes * _piecesPerSlab;

    /// <summary>Takes a piece; what is in it is undefined, but no pad in it was ever written.</summary>
    /// <exception cref="InsufficientMemoryException">The device has no memory for another slab.</exception>
    public ulong Rent()
    {
        if (TakeBack())
        {
            var used = CountUsed();
            _needed = Math.Max(used, _needed - Geometry.Blocks(_needed - used, Decay));
            FreeIdle(keep: Math.Max(1, _needed) - used);
        }

        foreach (var slab in _slabs)
        {
            if (slab.Free.TryPop(out var piece))
            {
                return piece;
            }
        }

        var added = new Slab(_context.Allocate(BytesOfSlab), _piecesPerSlab, PieceBytes);
        _slabs.Insert(CountUpTo(added.Address), added);
        _needed = Math.Max(_needed, _slabs.Count);
        return added.Free.Pop();
    }

    /// <summary>Gives a piece back, perhaps while work that reads it is still under way: whatever uses it next comes behind that in the stream.</summary>
    public void Return(ulong piece) => _returned.Enqueue(piece);

    /// <summary>Frees all slabs that nothing is used of.</summary>
    /// <returns>Whether there was one.</returns>
    public bool Trim()
    {
        TakeBack();
        _needed = CountUsed();
        return FreeIdle(keep: 0);
    }

    /// <summary>Sorts in what came back.</summary>
    /// <returns>Whether anything did.</returns>
    private bool TakeBack()
    {
        var any = false;
        while (_returned.TryDequeue(out var piece))
        {
            any = true;
            _slabs[CountUpTo(piece) - 1].Free.Push(piece);
        }

        return any;
    }

    /// <summary>Slabs that begin at an address or before it.</summary>
    private int CountUpTo(ulong address)
    {
        var (from, to) = (0, _slabs.Count);
        while (from < to)
        {
            var middle = (from + to) / 2;
            (from, to) = _slabs[middle].Address <= address ? (middle + 1, to) : (from, middle);
        }

        return from;
    }

    private int CountUsed()
    {
        var used = 0;
        foreach (var slab in _slabs)
        {
            used += slab.IsIdle ? 0 : 1;
        }

        return used;
    }

    /// <summary>Frees all but so many of the slabs that nothing is used of, waiting once for the work that may still read them.</summary>
    private bool FreeIdle(int keep)
    {
        var frees = false;
        for (var i = _slabs.Count - 1; i >= 0; i--)
        {
            if (!_slabs[i].IsIdle || keep-- > 0)
            {
                continue;
            }

            if (!frees)
            {
                _context.Synchronize();
                frees = true;
            }

            _context.Free(_slabs[i].Address, BytesOfSlab);
            _slabs.RemoveAt(i);
        }

        return frees;
    }

    private sealed class Slab
    {
        private readonly int _pieces;

        public Slab(ulong address, int pieces, long pieceBytes)
        {
            Address = address;
            _pieces = pieces;
            Free = new Stack<ulong>(pieces);
            for (var i = pieces - 1; i >= 0; i--)
            {
                Free.Push(address + (ulong)(i * pieceBytes));
            }
        }

        public ulong Address { get; }

        public Stack<ulong> Free { get; }

        public bool IsIdle => Free.Count == _pieces;
    }
}
