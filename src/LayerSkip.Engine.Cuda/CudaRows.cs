using LayerSkip.Engine.Cuda.Execution;
using LayerSkip.Engine.Cuda.Memory;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Cuda;

/// <summary>Row slots in device memory; the host remembers their positions and caches.</summary>
internal sealed class CudaRows : RowBuffer
{
    private readonly CudaModel _model;
    private readonly (SlabPool? Pool, ulong Memory)[] _memory = []; // of each GPU; null where the constructor threw
    private readonly RowPointers[] _pointers;
    private readonly int[] _positions;
    private readonly ulong[] _tables;
    private readonly CudaKvCache?[] _caches;
    private bool _disposed;

    /// <param name="model">The model.</param>
    /// <param name="capacity">Number of slots.</param>
    /// <param name="areApart">Whether the rows of several sequences stand side by side in it.</param>
    public CudaRows(CudaModel model, int capacity, bool areApart = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        _model = model;
        _positions = new int[capacity];
        _tables = new ulong[capacity];
        _caches = new CudaKvCache?[capacity];
        var slots = RowPools.Slots(capacity);
        _memory = new (SlabPool?, ulong)[model.Stages.Length];
        _pointers = new RowPointers[model.Stages.Length];
        using var step = model.Enter();
        for (var stage = 0; stage < _memory.Length; stage++)
        {
            model.EnterStage(stage);
            var pool = model.Stages[stage].Rows.Of(slots);
            _memory[stage] = (pool, pool.Rent());
            _pointers[stage] = PointersIn(_memory[stage].Memory, model.Geometry, slots) with { AreApart = areApart };
        }
    }

    ~CudaRows() => Return();

    public override int Capacity => _positions.Length;

    public CudaModel Model => _model;

    /// <summary>Whether a step that failed, or whoever had the memory before, may have left keys behind.</summary>
    public bool HasStaleKeys { get; set; } = true;

    /// <summary>Bytes of slots.</summary>
    public static long BytesOf(Geometry geometry, int slots) => (long)PointersIn(0, geometry, slots).Best + Geometry.Up(slots * sizeof(ulong), 256);

    /// <summary>Slots' arrays, one behind the other.</summary>
    public static RowPointers PointersIn(ulong memory, Geometry geometry, int slots)
    {
        var angles = memory + (ulong)Geometry.Up((long)slots * geometry.Hidden * sizeof(float), 256);
        var tokens = angles + (ulong)Geometry.Up((long)slots * geometry.Config.HeadDimension * sizeof(float), 256);
        var positions = tokens + (ulong)Geometry.Up(slots * sizeof(int), 256);
        var tables = positions + (ulong)Geometry.Up(slots * sizeof(int), 256);
        var best = tables + (ulong)Geometry.Up(slots * sizeof(ulong), 256);
        return new(memory, angles, tokens, positions, tables, best);
    }

    /// <summary>Slots' rows on a GPU.</summary>
    /// <param name="start">First slot.</param>
    /// <param name="count">How many.</param>
    /// <param name="stage">Which; the first one has the hidden states between steps.</param>
    /// <exception cref="ArgumentOutOfRangeException">The slots are not all the buffer's.</exception>
    /// <exception cref="ObjectDisposedException">The memory has been given back.</exception>
    public RowPointers Pointers(int start, int count, int stage = 0)
    {
        CheckSlots(start, count);
        return _pointers[stage].At(start, _model.Geometry);
    }

    /// <summary>Positions that the caches of slots hold at most, their own included.</summary>
    /// <exception cref="InvalidOperationException">A slot was not placed, or its cache has been disposed.</exception>
    public int Context(int start, int count)
    {
        CheckSlots(start, count);
        var last = 0;
        for (var slot = start; slot < start + count; slot++)
        {
            // Kernels go by addresses.
            if (_caches[slot] is not { } cache || _positions[slot] >= cache.Capacity)
            {
                throw new InvalidOperationException($"row slot {slot} has no place in a cache, expected {nameof(Place)} before");
            }

            last = Math.Max(last, _positions[slot]);
        }

        return last + 1;
    }

    public override void Place(int start, int count, KvCache cache, int position)
    {
        CheckSlots(start, count);
        ArgumentOutOfRangeException.ThrowIfNegative(position);
        if (cache is not CudaKvCache own || own.Model != _model)
        {
            throw new ArgumentException("the cache belongs to another model", nameof(cache));
        }

        own.Reserve(position + count);
        for (var i = 0; i < count; i++)
        {
            _positions[start + i] = position + i;
        }

        _caches.AsSpan(start, count).Fill(own);
        using var step = _model.Enter();
        WritePlaces(start, count);
    }

    /// <summary>Takes over the places and the hidden states of another buffer's slots. <see cref="WritePlaces"/> tells the GPUs of the places.</summary>
    /// <exception cref="InvalidOperationException">As for <see cref="Context"/>.</exception>
    public void Take(int start, CudaRows source, int first, int count)
    {
        CheckSlots(start, count);
        _ = source.Context(first, count);
        source._positions.AsSpan(first, count).CopyTo(_positions.AsSpan(start));
        source._caches.AsSpan(first, count).CopyTo(_caches.AsSpan(start));
        TakeStates(start, source, first, count);
    }

    /// <summary>Takes over hidden states alone; the first GPU's context is the thread's.</summary>
    public void TakeStates(int start, CudaRows source, int first, int count) => _model.Context.Copy(
        Pointers(start, count).Hidden, source.Pointers(first, count).Hidden, (long)count * _model.Geometry.Hidden * sizeof(float));

    /// <summary>Tells the GPUs where slots stand, under the model's gate; the last one's context is the thread's afterwards.</summary>
    public void WritePlaces(int start, int count)
    {
        for (var stage = 0; stage < _pointers.Length; stage++)
        {
            _model.EnterStage(stage);
            var (context, slots) = (_model.Stages[stage].Context, _pointers[stage].At(start, _model.Geometry));
            for (var slot = start; slot < start + count; slot++)
            {
                _tables[slot] = _caches[slot]!.Table(stage);
            }

            context.Write<int>(slots.Positions, _positions.AsSpan(start, count));
            context.Write<ulong>(slots.Tables, _tables.AsSpan(start, count));
        }
    }

    /// <summary>The first slots have no place any more, so that nothing keeps their caches alive.</summary>
    public void Forget(int count) => _caches.AsSpan(0, count).Clear();

    public override void Dispose()
    {
        Return();
        GC.SuppressFinalize(this);
    }

    private void CheckSlots(int start, int count)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)start, (uint)Capacity, nameof(start));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)(Capacity - start), nameof(count));
    }

    private void Return()
    {
        if (!_disposed)
        {
            _disposed = true;
            foreach (var (pool, memory) in _memory)
            {
                pool?.Return(memory);
            }
        }
    }
}
