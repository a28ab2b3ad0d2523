namespace LayerSkip.Engine.Devices;

/// <summary>The keys and values of one sequence in device memory, addressed by position.</summary>
/// <remarks>
/// Position p of every layer that has run for it holds the real entries: a draft's are the full model's first layers (invariant I2).
/// Truncation is O(1): positions from <see cref="Length"/> on are simply written again (invariant I5).
/// </remarks>
internal abstract class KvCache : IDisposable
{
    private int _length;

    /// <summary>Positions that are valid in all layers a sequence runs: 0 .. Capacity.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Set below 0 or above <see cref="Capacity"/>.</exception>
    public int Length
    {
        get => _length;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, Capacity);
            _length = value;
        }
    }

    /// <summary>Positions for which memory is held now; grows by need.</summary>
    public abstract int Capacity { get; }

    /// <summary>Bytes of device memory held now.</summary>
    public abstract long Bytes { get; }

    /// <summary>Makes room for <paramref name="positions"/> positions in all.</summary>
    /// <exception cref="OutOfMemoryException">The device has not that much memory; the cache is as it was.</exception>
    public abstract void Reserve(int positions);

    /// <inheritdoc/>
    public abstract void Dispose();
}
