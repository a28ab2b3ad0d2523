namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>One allocation for all weights of a model, handed out front to back.</summary>
internal sealed unsafe class WeightArena(long bytes) : IDisposable
{
    private const int Alignment = 64;

    private readonly NativeBuffer _memory = new(bytes);
    private long _used;

    /// <summary>Bytes that have been handed out.</summary>
    public long Bytes => _used;

    /// <summary>What a piece of that size takes of the arena.</summary>
    public static long Padded(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    /// <summary>The next piece, zeroed, aligned to a cache line.</summary>
    /// <exception cref="InvalidOperationException">The arena was sized too small.</exception>
    public byte* Take(long bytes)
    {
        if (bytes > _memory.Bytes - _used)
        {
            throw new InvalidOperationException($"a weight arena of {_memory.Bytes} bytes has {_memory.Bytes - _used} left, {bytes} were asked for");
        }

        var piece = _memory.Pointer + _used;
        _used += Padded(bytes);
        return piece;
    }

    public void Dispose() => _memory.Dispose();
}
