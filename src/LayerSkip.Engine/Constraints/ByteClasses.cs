namespace LayerSkip.Engine.Constraints;

/// <summary>The bytes, divided into ranges within which a grammar makes no difference.</summary>
internal sealed class ByteClasses
{
    private readonly byte[] _classes = new byte[256];
    private readonly byte[] _first = new byte[256];

    /// <summary>Every byte by itself.</summary>
    public static ByteClasses Single { get; } = new(ByteSet.All);

    /// <param name="borders">The bytes at which a range begins; 0 begins one in any case.</param>
    public ByteClasses(ByteSet borders)
    {
        for (var value = 0; value < 256; value++)
        {
            if (value == 0 || borders.Contains((byte)value))
            {
                _first[Count++] = (byte)value;
            }

            _classes[value] = (byte)(Count - 1);
        }
    }

    /// <summary>How many ranges there are.</summary>
    public int Count { get; }

    /// <summary>The range that a byte lies in.</summary>
    public int Of(byte value) => _classes[value];

    /// <summary>A range's first byte.</summary>
    public byte First(int index) => _first[index];

    /// <summary>How many bytes a range has.</summary>
    public int Size(int index) => (index + 1 < Count ? _first[index + 1] : 256) - _first[index];
}
