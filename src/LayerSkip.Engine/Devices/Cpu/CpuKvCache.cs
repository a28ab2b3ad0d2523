using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>A KV cache in blocks of 32 positions, float32. A block holds all layers and heads, and is allocated when a position in it is first needed.</summary>
internal sealed unsafe class CpuKvCache : KvCache
{
    private const int InitialBlocks = 512;

    private readonly CpuModel _model;
    private readonly int _headDimension;
    private readonly int _paddedDimension;
    private readonly int _headFloats;
    private readonly int _layerFloats;
    private readonly long _blockBytes;
    private readonly int _maxBlocks;
    private nint[] _blocks; // addresses: a managed object for each would be garbage on the token path
    private int _count;
    private bool _disposed;

    public CpuKvCache(CpuModel model)
    {
        var config = model.Config;
        _model = model;
        _headDimension = config.HeadDimension;
        _paddedDimension = Attention.PaddedDimension(config.HeadDimension);
        _headFloats = Attention.BlockPositions * (_headDimension + _paddedDimension);
        _layerFloats = _headFloats * config.KeyValueHeads;
        _blockBytes = BlockBytes(config);
        _maxBlocks = Blocks(config.MaxPositions);
        _blocks = new nint[Math.Min(_maxBlocks, InitialBlocks)];
    }

    ~CpuKvCache() => Free();

    public override int Capacity => _count * Attention.BlockPositions;

    public override long Bytes => _count * _blockBytes;

    public CpuModel Model => _model;

    /// <summary>Floats of one value row: the head dimension rounded up to a multiple of 8.</summary>
    public int PaddedDimension => _paddedDimension;

    /// <summary>Bytes of a cache that has room for some positions.</summary>
    public static long BytesOf(ModelConfig config, int positions) => Blocks(positions) * BlockBytes(config);

    public override void Reserve(int positions)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(positions, _maxBlocks * (long)Attention.BlockPositions);
        while (Capacity < positions)
        {
            if (_count == _blocks.Length)
            {
                Array.Resize(ref _blocks, Math.Min(_maxBlocks, 2 * _count));
            }

            _blocks[_count] = (nint)NativeBuffer.Allocate(_blockBytes);
            _count++;
            _model.AddKvBytes(_blockBytes);
        }
    }

    /// <summary>Keys of one block, layer and head: [headDimension, 32 positions].</summary>
    public float* Keys(int block, int layer, int head) =>
        (float*)_blocks[block] + ((nint)layer * _layerFloats) + (head * _headFloats);

    /// <summary>Values of one block, layer and head: [32 positions, <see cref="PaddedDimension"/>].</summary>
    public float* Values(int block, int layer, int head) =>
        Keys(block, layer, head) + (_headDimension * Attention.BlockPositions);

    /// <summary>Writes one position's key and value.</summary>
    /// <param name="layer">Layer.</param>
    /// <param name="head">Key/value head.</param>
    /// <param name="position">Below <see cref="Capacity"/>.</param>
    /// <param name="key">headDimension floats, already rotated.</param>
    /// <param name="value">headDimension floats.</param>
    public void Write(int layer, int head, int position, ReadOnlySpan<float> key, ReadOnlySpan<float> value)
    {
        var (block, slot) = Math.DivRem(position, Attention.BlockPositions);
        var keys = Keys(block, layer, head) + slot;
        for (var d = 0; d < key.Length; d++)
        {
            keys[d * Attention.BlockPositions] = key[d];
        }

        value.CopyTo(new Span<float>(Values(block, layer, head) + (slot * _paddedDimension), _paddedDimension));
    }

    public override void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    /// <summary>A block's layers lie one behind the other. What of the first block is there already is copied along, and what of the last is not valid.</summary>
    protected override void Copy(KvCache source, int depth, int from, int to)
    {
        var own = source is CpuKvCache cache && cache._model == _model
            ? cache
            : throw new ArgumentException("the cache belongs to another model", nameof(source));
        var bytes = (long)_layerFloats * depth * sizeof(float);
        for (var block = from / Attention.BlockPositions; block < Blocks(to); block++)
        {
            Buffer.MemoryCopy((void*)own._blocks[block], (void*)_blocks[block], bytes, bytes);
        }
    }

    private static int Blocks(int positions) => (int)((positions + (Attention.BlockPositions - 1L)) / Attention.BlockPositions);

    private static long BlockBytes(ModelConfig config) =>
        (long)Attention.BlockPositions * (config.HeadDimension + Attention.PaddedDimension(config.HeadDimension))
        * config.KeyValueHeads * config.Layers * sizeof(float);

    private void Free()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _model.AddKvBytes(-Bytes);
        foreach (var block in _blocks.AsSpan(0, _count))
        {
            NativeBuffer.Free((byte*)block);
        }

        _count = 0;
    }
}
