using System.Collections.Concurrent;
using LayerSkip.Engine.Cuda.Driver;

namespace LayerSkip.Engine.Cuda.Memory;

/// <summary>Pieces of device memory of one size, cut from larger allocations: what is given back is handed out again without a call of the driver.</summary>
/// <remarks>Used under the model's gate, but for <see cref="Return"/>, which any thread may call at any time.</remarks>
internal sealed class SlabPool
{
    private const long SlabBytes = 8 << 20;

    private readonly CudaContext _context;
    private readonly int _piecesPerSlab;
    private readonly List<Slab> _slabs = [];
    private readonly ConcurrentQueue<ulong> _returned = new();

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

    /// <summary>Takes a piece; what is in it is undefined, but no pad in it was ever written.</summary>
    /// <exception cref="InsufficientMemoryException">The device has no memory for another slab.</exception>
    public ulong Rent()
    {
        TakeBack();
        foreach (var slab in _slabs)
        {
            if (slab.Free.TryPop(out var piece))
            {
                return piece;
            }
        }

        var added = new Slab(_context.Allocate(PieceBytes * _piecesPerSlab), _piecesPerSlab, PieceBytes);
        _slabs.Add(added);
        return added.Free.Pop();
    }

    /// <summary>Gives a piece back, perhaps while work that reads it is still under way: whatever uses it next comes behind that in the stream.</summary>
    public void Return(ulong piece) => _returned.Enqueue(piece);

    /// <summary>Sorts in what came back, and frees all slabs but one that nothing is used of.</summary>
    private void TakeBack()
    {
        if (_returned.IsEmpty)
        {
            return;
        }

        while (_returned.TryDequeue(out var piece))
        {
            foreach (var slab in _slabs)
            {
                if (piece - slab.Address < (ulong)(PieceBytes * _piecesPerSlab))
                {
                    slab.Free.Push(piece);
                    break;
                }
            }
        }

        for (var i = _slabs.Count - 1; i > 0; i--)
        {
            if (_slabs[i].Free.Count == _piecesPerSlab)
            {
                _context.Synchronize();
                _context.Free(_slabs[i].Address, PieceBytes * _piecesPerSlab);
                _slabs.RemoveAt(i);
            }
        }
    }

    private sealed class Slab
    {
        public Slab(ulong address, int pieces, long pieceBytes)
        {
            Address = address;
            Free = new Stack<ulong>(pieces);
            for (var i = pieces - 1; i >= 0; i--)
            {
                Free.Push(address + (ulong)(i * pieceBytes));
            }
        }

        public ulong Address { get; }

        public Stack<ulong> Free { get; }
    }
}
