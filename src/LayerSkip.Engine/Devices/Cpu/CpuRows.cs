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
    private readonly CpuKvCache[] _caches;
    private readonly int _planes;

    public CpuRows(CpuModel model, int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        _model = model;
        _planes = model.RopeFrequencies.Length;
        _hidden = new ActivationBuffer(model.Config.HiddenSize);
        Hidden = _hidden.Rows(capacity);
        _cosines = new float[capacity * _planes];
        _sines = new float[capacity * _planes];
        _positions = new int[capacity];
        _caches = new CpuKvCache[capacity];
    }

    public override int Capacity => _positions.Length;

    public CpuModel Model => _model;

    /// <summary>Hidden states [capacity, hidden size].</summary>
    public RowsView Hidden { get; }

    public CpuKvCache Cache(int slot) => _caches[slot];

    public int Position(int slot) => _positions[slot];

    public ReadOnlySpan<float> Cosines(int slot) => _cosines.AsSpan(slot * _planes, _planes);

    public ReadOnlySpan<float> Sines(int slot) => _sines.AsSpan(slot * _planes, _planes);

    public override void Place(int start, int count, KvCache cache, int position)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(position);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)start, (uint)Capacity, nameof(start));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)(Capacity - start), nameof(count));
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
            Rope.Angles(position + i, _model.RopeFrequencies, _cosines.AsSpan(slot * _planes, _planes), _sines.AsSpan(slot * _planes, _planes));
        }
    }

    public override void Dispose() => _hidden.Dispose();
}
