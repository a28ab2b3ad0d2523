using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Cuda;

/// <summary>A KV cache in pages of 32 positions, float32, and the table of their addresses, all in device memory.</summary>
internal sealed class CudaKvCache(CudaModel model) : KvCache
{
    private const int InitialPages = 64;

    private ulong[] _pages = new ulong[Math.Min(model.Geometry.MaxPages, InitialPages)];
    private int _count;
    private int _listed; // pages whose addresses the device's table holds
    private ulong _table;
    private bool _disposed;

    ~CudaKvCache() => Return();

    public override int Capacity => _count * Geometry.PagePositions;

    public override long Bytes => _count * model.Geometry.PageBytes;

    public CudaModel Model => model;

    /// <summary>Device memory with the pages' addresses.</summary>
    public ulong Table => _table;

    /// <summary>A page's address.</summary>
    public ulong Page(int index) => _pages[index];

    public override void Reserve(int positions)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var needed = Geometry.Pages(positions);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(needed, model.Geometry.MaxPages, nameof(positions));
        if (needed <= _listed)
        {
            return;
        }

        using var step = model.Enter();
        if (_table == 0)
        {
            _table = model.Tables.Rent();
        }

        try
        {
            while (_count < needed)
            {
                if (_count == _pages.Length)
                {
                    Array.Resize(ref _pages, Math.Min(model.Geometry.MaxPages, 2 * _count));
                }

                _pages[_count] = model.Pages.Rent();
                _count++;
                model.AddKvBytes(model.Geometry.PageBytes);
            }
        }
        finally
        {
            // Where memory ran out, what could be had is of use all the same.
            if (!model.Context.IsLost)
            {
                model.Context.Write<ulong>(_table + ((ulong)_listed * sizeof(ulong)), _pages.AsSpan(_listed, _count - _listed));
                _listed = _count;
            }
        }
    }

    public override void Dispose()
    {
        Return();
        GC.SuppressFinalize(this);
    }

    /// <summary>A page's layers lie one behind the other. What of the last page is not valid is copied along.</summary>
    protected override void Copy(KvCache source, int depth, int length)
    {
        var own = source is CudaKvCache cache && cache.Model == model
            ? cache
            : throw new ArgumentException("the cache belongs to another model", nameof(source));
        using var step = model.Enter();
        for (var page = 0; page < Geometry.Pages(length); page++)
        {
            model.Context.Copy(_pages[page], own._pages[page], model.Geometry.PageLayerBytes * depth);
        }
    }

    private void Return()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        model.AddKvBytes(-Bytes);
        for (var i = 0; i < _count; i++)
        {
            model.Pages.Return(_pages[i]);
        }

        if (_table != 0)
        {
            model.Tables.Return(_table);
        }

        (_count, _listed, _table) = (0, 0, 0);
    }
}
