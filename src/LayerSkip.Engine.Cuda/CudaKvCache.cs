using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Cuda;

/// <summary>A KV cache in pages of 32 positions, float32, and the tables of their addresses, all in device memory: each GPU has those of its layers.</summary>
internal sealed class CudaKvCache : KvCache
{
    private readonly CudaModel _model;
    private readonly StagePages[] _stages = []; // empty where the constructor threw
    private bool _disposed;

    public CudaKvCache(CudaModel model)
    {
        _model = model;
        _stages = [.. model.Stages.Select(stage => new StagePages(stage, model.Geometry.MaxPages))];
    }

    ~CudaKvCache() => Return();

    public override int Capacity
    {
        get
        {
            var pages = _stages[0].Count;
            foreach (var stage in _stages)
            {
                pages = Math.Min(pages, stage.Count);
            }

            return pages * Geometry.PagePositions;
        }
    }

    public override long Bytes
    {
        get
        {
            var bytes = 0L;
            foreach (var stage in _stages)
            {
                bytes += stage.Bytes;
            }

            return bytes;
        }
    }

    public CudaModel Model => _model;

    /// <summary>A GPU's device memory with the addresses of its pages.</summary>
    public ulong Table(int stage = 0) => _stages[stage].Table;

    public override void Reserve(int positions)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var needed = Geometry.Pages(positions);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(needed, _model.Geometry.MaxPages, nameof(positions));
        if (IsListed(needed))
        {
            return;
        }

        using var step = _model.Enter();
        var before = Bytes;
        try
        {
            for (var stage = 0; stage < _stages.Length; stage++)
            {
                _model.EnterStage(stage);
                _stages[stage].Reserve(needed);
            }
        }
        finally
        {
            _model.AddKvBytes(Bytes - before);
        }
    }

    public override void Dispose()
    {
        Return();
        GC.SuppressFinalize(this);
    }

    protected override void Copy(KvCache source, int depth, int from, int to)
    {
        var own = source is CudaKvCache cache && cache.Model == _model
            ? cache
            : throw new ArgumentException("the cache belongs to another model", nameof(source));
        using var step = _model.Enter();
        for (var stage = 0; stage < _stages.Length; stage++)
        {
            _model.EnterStage(stage);
            _stages[stage].Copy(own._stages[stage], depth, from / Geometry.PagePositions, Geometry.Pages(to), _model.Geometry.PageLayerBytes);
        }
    }

    private bool IsListed(int pages)
    {
        var listed = true;
        foreach (var stage in _stages)
        {
            listed &= pages <= stage.Listed;
        }

        return listed;
    }

    private void Return()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _model.AddKvBytes(-Bytes);
        foreach (var stage in _stages)
        {
            stage.Return();
        }
    }

    /// <summary>The pages that one GPU has of a sequence.</summary>
    private sealed class StagePages(CudaStage stage, int mostPages)
    {
        private const int InitialPages = 64;

        private ulong[] _pages = new ulong[Math.Min(mostPages, InitialPages)];

        public int Count { get; private set; }

        /// <summary>Pages whose addresses the device's table holds.</summary>
        public int Listed { get; private set; }

        public ulong Table { get; private set; }

        public long Bytes => Count * stage.PageBytes;

        /// <summary>Makes room; the GPU's context is the thread's.</summary>
        public void Reserve(int needed)
        {
            Table = Table != 0 ? Table : stage.Tables.Rent();
            try
            {
                while (Count < needed)
                {
                    if (Count == _pages.Length)
                    {
                        Array.Resize(ref _pages, Math.Min(mostPages, 2 * Count));
                    }

                    _pages[Count] = stage.Pages.Rent();
                    Count++;
                }
            }
            finally
            {
                // Where memory ran out, what could be had is of use all the same.
                if (!stage.Context.IsLost && Listed < Count)
                {
                    stage.Context.Write<ulong>(Table + ((ulong)Listed * sizeof(ulong)), _pages.AsSpan(Listed, Count - Listed));
                    Listed = Count;
                }
            }
        }

        /// <summary>
        /// Copies the pages [from, to) of the model's first layers, as far as they are the GPU's. They lie one behind the other in a page. What of the first page is there already is
        /// copied along, and what of the last is not valid.
        /// </summary>
        public void Copy(StagePages source, int depth, int from, int to, long layerBytes)
        {
            var layers = Math.Clamp(depth - stage.First, 0, stage.Layers);
            for (var page = from; page < to && layers > 0; page++)
            {
                stage.Context.Copy(_pages[page], source._pages[page], layerBytes * layers);
            }
        }

        public void Return()
        {
            for (var i = 0; i < Count; i++)
            {
                stage.Pages.Return(_pages[i]);
            }

            if (Table != 0)
            {
                stage.Tables.Return(Table);
            }

            (Count, Listed, Table) = (0, 0, 0);
        }
    }
}
