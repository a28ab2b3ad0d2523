namespace LayerSkip.Engine.Devices.Scripted;

/// <summary>What a scripted model knows of a sequence: its tokens, and how many layers have run at each position.</summary>
internal sealed class ScriptedKvCache(ScriptedDevice device) : KvCache
{
    private const int BlockPositions = 32;
    private const int BytesPerPosition = 2 * sizeof(int);

    private int[] _tokens = [];
    private int[] _depths = [];
    private bool _disposed;

    public override int Capacity => _tokens.Length;

    public override long Bytes => (long)Capacity * BytesPerPosition;

    public ScriptedDevice Device => device;

    /// <summary>The tokens at the first positions.</summary>
    public ReadOnlySpan<int> Tokens(int count) => _tokens.AsSpan(0, count);

    /// <summary>Layers that have run at a position.</summary>
    public int Depth(int position) => _depths[position];

    public void Embed(int position, int token)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _tokens[position] = token;
        _depths[position] = 0;
    }

    public void Run(int position, int depth)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _depths[position] = depth;
    }

    /// <summary>Bytes of a cache that has room for some positions.</summary>
    public static long BytesOf(int positions) => CapacityFor(positions) * BytesPerPosition;

    public override void Reserve(int positions)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (positions > Capacity)
        {
            var before = Bytes;
            var capacity = checked((int)CapacityFor(positions));
            Array.Resize(ref _tokens, capacity);
            Array.Resize(ref _depths, capacity);
            device.AddKvBytes(Bytes - before);
        }
    }

    public override void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            device.AddKvBytes(-Bytes);
            _tokens = _depths = [];
        }
    }

    protected override void Copy(KvCache source, int depth, int from, int to)
    {
        ((ScriptedKvCache)source).Tokens(to)[from..].CopyTo(_tokens.AsSpan(from));
        _depths.AsSpan(from, to - from).Fill(depth);
    }

    private static long CapacityFor(int positions) => (positions + (BlockPositions - 1L)) / BlockPositions * BlockPositions;
}
