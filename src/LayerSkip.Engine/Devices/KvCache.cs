namespace LayerSkip.Engine.Devices;

/// <summary>The keys and values of one sequence in device memory, addressed by position.</summary>
/// <remarks>
/// Position p of every layer that has run for it holds the real entries: a draft's are the full model's first layers (invariant I2). Those that coarse weights
/// have written lie behind <see cref="Length"/>, and are written again by the layers themselves before verification reads them.
/// Truncation is O(1): positions from <see cref="Length"/> on are simply written again (invariant I5).
/// </remarks>
internal abstract class KvCache : IDisposable
{
    // What earlier sequences left in layers that the present one does not run: the first positions, up to some depth.
    private readonly List<(int Depth, int Length)> _deeper = [];
    private int _depth;
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

    /// <summary>How many of the first positions are valid in the first <paramref name="depth"/> layers.</summary>
    public int ValidLength(int depth)
    {
        if (depth <= _depth)
        {
            return _length;
        }

        var valid = 0;
        foreach (var (reached, length) in _deeper)
        {
            valid = reached >= depth ? Math.Max(valid, length) : valid;
        }

        return valid;
    }

    /// <summary>A sequence goes on from the first positions; those behind them are its to write.</summary>
    /// <param name="depth">Layers that it runs, at least 1.</param>
    /// <param name="length">Positions, which are valid in all of them.</param>
    public void Continue(int depth, int length)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(depth, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, ValidLength(depth));
        _deeper.Add((_depth, _length));
        _deeper.RemoveAll(left => left.Depth <= depth);
        for (var i = 0; i < _deeper.Count; i++)
        {
            _deeper[i] = (_deeper[i].Depth, Math.Min(_deeper[i].Length, length));
        }

        (_depth, _length) = (depth, length);
    }

    /// <summary>Whether everything that is valid in another cache of the same tokens is valid here, too.</summary>
    public bool Covers(KvCache other)
    {
        var covers = ValidLength(other._depth) >= other._length;
        foreach (var (depth, length) in other._deeper)
        {
            covers &= ValidLength(depth) >= length;
        }

        return covers;
    }

    /// <summary>Goes on to where another cache has come: copies those of its first positions that this one has not.</summary>
    /// <param name="source">Of the same model, and the same tokens.</param>
    /// <param name="depth">Layers to copy, at least 1; those of this cache, if it is not empty.</param>
    /// <param name="length">Positions, <see cref="Length"/> or more, which are valid in all of them.</param>
    /// <exception cref="OutOfMemoryException">The device has not that much memory; the cache holds what it held.</exception>
    public void CopyFrom(KvCache source, int depth, int length)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(depth, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(length, _length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, source.ValidLength(depth));
        if (_length > 0)
        {
            ArgumentOutOfRangeException.ThrowIfNotEqual(depth, _depth);
        }

        // What is disposed has no room, whatever was valid there.
        ObjectDisposedException.ThrowIf(length > source.Capacity, source);
        Reserve(length);
        Copy(source, depth, _length, length);
        (_depth, _length) = (depth, length);
    }

    /// <summary>Makes room for <paramref name="positions"/> positions in all.</summary>
    /// <exception cref="OutOfMemoryException">The device has not that much memory; the cache keeps its entries, and may have grown by less.</exception>
    public abstract void Reserve(int positions);

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>Copies the positions [from, to) of the first layers; there is room for them.</summary>
    protected abstract void Copy(KvCache source, int depth, int from, int to);
}
