using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>Row slots in native memory: hidden state, position, cache and rotary angles of each.</summary>
internal sealed class CpuRows : RowBuffer
{
    private readonly CpuModel _model;
    private readonly ActivationBuffer _hidden;
    private readonly float[] _cosines;
    private readonly float[] _sines;
    private readonly int[] _positions;

    // [slot]: the position whose angles it has, or -1. They are found where layers run, since most of the slots that are placed for a draft never do.
    private readonly int[] _anglesOf;
    private readonly CpuKvCache?[] _caches;
    private readonly RowsView _slots;
    private readonly int _planes;
    private bool _disposed;

    public CpuRows(CpuModel model, int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        _model = model;
        _planes = model.RopeFrequencies.Length;
        _hidden = new ActivationBuffer(model.Config.HiddenSize);
        _slots = _hidden.Rows(capacity);
        _cosines = new float[capacity * _planes];
        _sines = new float[capacity * _planes];
        _positions = new int[capacity];
        _anglesOf = new int[capacity];
        Array.Fill(_anglesOf, -1);
        _caches = new CpuKvCache[capacity];
    }

    public override int Capacity => _positions.Length;

    public CpuModel Model => _model;

    /// <summary>Hidden states [capacity, hidden size].</summary>
    /// <exception cref="ObjectDisposedException">The memory has been given back.</exception>
    public RowsView Hidden
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _slots;
        }
    }

    /// <summary>The cache of a slot that has been placed.</summary>
    public CpuKvCache Cache(int slot) => _caches[slot]!;

    public int Position(int slot) => _positions[slot];

    /// <summary>cos of a slot's angles; of one that <see cref="Prepare"/> has seen.</summary>
    public ReadOnlySpan<float> Cosines(int slot) => _cosines.AsSpan(slot * _planes, _planes);

    /// <summary>Their sines.</summary>
    public ReadOnlySpan<float> Sines(int slot) => _sines.AsSpan(slot * _planes, _planes);

    /// <summary>Checks that slots have a place in a cache that is there, since kernels go by addresses, and finds their angles.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The slots are not all the buffer's.</exception>
    /// <exception cref="InvalidOperationException">A slot was not placed, or its cache has been disposed.</exception>
    public void Prepare(int start, int count)
    {
        CheckSlots(start, count);
        for (var slot = start; slot < start + count; slot++)
        {
            if (_caches[slot] is not { } cache || _positions[slot] >= cache.Capacity)
            {
                throw new InvalidOperationException($"row slot {slot} has no place in a cache, expected {nameof(Place)} before");
            }

            if (_anglesOf[slot] != _positions[slot])
            {
                _anglesOf[slot] = _positions[slot];
                Rope.Angles(_positions[slot], _model.RopeFrequencies, _cosines.AsSpan(slot * _planes, _planes), _sines.AsSpan(slot * _planes, _planes));
            }
        }
    }

    public override void Place(int start, int count, KvCache cache, int position)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(position);
        CheckSlots(start, count);
        if (cache is not CpuKvCache own || own.Model != _model)
        {
            throw new ArgumentException("the cache belongs to another model", nameof(cache));
        }

        own.Reserve(position + count);
        for (var i = 0; i < count; i++)
        {
            var slot = start + i;
            _caches[slot] = own;
            _positions[slot] = position + i;
        }
    }

    /// <summary>Takes over places and hidden states of other slots.</summary>
    /// <param name="start">First of the slots here.</param>
    /// <param name="others">Of the same model.</param>
    /// <param name="first">First of the others' slots.</param>
    /// <param name="count">How many.</param>
    public void Take(int start, CpuRows others, int first, int count)
    {
        CheckSlots(start, count);
        others.Prepare(first, count);
        Array.Copy(others._caches, first, _caches, start, count);
        Array.Copy(others._positions, first, _positions, start, count);
        Array.Copy(others._anglesOf, first, _anglesOf, start, count);
        Array.Copy(others._cosines, first * _planes, _cosines, start * _planes, count * _planes);
        Array.Copy(others._sines, first * _planes, _sines, start * _planes, count * _planes);
        TakeStates(start, others, first, count);
    }

    /// <summary>Takes over hidden states of other slots.</summary>
    /// <param name="start">First of the slots here.</param>
    /// <param name="others">Of the same model, and not these rows themselves.</param>
    /// <param name="first">First of the others' slots.</param>
    /// <param name="count">How many.</param>
    public void TakeStates(int start, CpuRows others, int first, int count) =>
        others.Hidden.Slice(first, count).CopyTo(Hidden.Slice(start, count));

    /// <summary>The first slots have no place any more: nothing here keeps a cache alive, or finds one that its owner has disposed.</summary>
    public void Forget(int count) => Array.Clear(_caches, 0, count);

    public override void Dispose()
    {
        _disposed = true;
        _hidden.Dispose();
    }

    private void CheckSlots(int start, int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)start, (uint)Capacity, nameof(start));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)(Capacity - start), nameof(count));
    }
}
