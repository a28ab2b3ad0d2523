using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace LayerSkip.Engine.Checkpoints.Gguf;

/// <summary>Writes keys and tensors to one GGUF file, version 3.</summary>
/// <remarks>
/// Everything is declared first, because the list of tensors stands before their data; their rows are asked for once, in order,
/// while <see cref="Write"/> runs, so that no more than one row is held at a time.
/// </remarks>
internal sealed class GgufWriter
{
    private const int Alignment = 32;

    private readonly List<Declared> _tensors = [];
    private readonly ArrayBufferWriter<byte> _keys = new();
    private long _keyCount;

    public void Add(string key, string text)
    {
        Begin(key, GgufValueType.String);
        WriteText(_keys, text);
    }

    public void Add(string key, int number)
    {
        Begin(key, GgufValueType.UInt32);
        WriteUInt32(_keys, checked((uint)number));
    }

    public void Add(string key, float number)
    {
        Begin(key, GgufValueType.Float32);
        WriteUInt32(_keys, BitConverter.SingleToUInt32Bits(number));
    }

    public void Add(string key, bool value)
    {
        Begin(key, GgufValueType.Bool);
        _keys.Write([value ? (byte)1 : (byte)0]);
    }

    public void Add(string key, IReadOnlyCollection<string> texts)
    {
        BeginArray(key, GgufValueType.String, texts.Count);
        foreach (var text in texts)
        {
            WriteText(_keys, text);
        }
    }

    public void Add(string key, IReadOnlyCollection<int> numbers)
    {
        BeginArray(key, GgufValueType.Int32, numbers.Count);
        foreach (var number in numbers)
        {
            WriteUInt32(_keys, unchecked((uint)number));
        }
    }

    public void Add(string key, IReadOnlyCollection<float> numbers)
    {
        BeginArray(key, GgufValueType.Float32, numbers.Count);
        foreach (var number in numbers)
        {
            WriteUInt32(_keys, BitConverter.SingleToUInt32Bits(number));
        }
    }

    /// <summary>Adds a value as another file has it.</summary>
    public void AddStored(string key, GgufValueType type, ReadOnlySpan<byte> value)
    {
        Begin(key, type);
        _keys.Write(value);
    }

    /// <summary>Declares a tensor whose elements are given as float32, row by row.</summary>
    /// <param name="name">Its name, not declared before.</param>
    /// <param name="type">How to store it: rounded to nearest, or in blocks that fill its rows.</param>
    /// <param name="shape">Its dimensions, outermost first.</param>
    /// <param name="readRow">Fills a row, numbered from 0; a vector is one row.</param>
    public void AddTensor(string name, GgufTensorType type, IReadOnlyList<long> shape, Action<int, Span<float>> readRow) =>
        _tensors.Add(new Declared(name, type, shape, readRow));

    /// <summary>Writes the file: beside the target first, then moved over it, so that a failure leaves an earlier file as it was; see <see cref="AtomicFile.WriteTo"/>.</summary>
    /// <param name="path">The file.</param>
    /// <param name="cancellationToken">Ends the writing between rows.</param>
    /// <returns>Bytes written.</returns>
    /// <exception cref="CheckpointException">A number is too large for the type that it is to be stored in.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public long Write(string path, CancellationToken cancellationToken = default)
    {
        var header = Header();
        AtomicFile.WriteTo(path, stream =>
        {
            stream.Write(header);
            foreach (var tensor in _tensors)
            {
                WriteTensor(stream, tensor, cancellationToken);
            }
        });
        return header.Length + _tensors.Sum(tensor => Padded(tensor.Bytes));
    }

    private byte[] Header()
    {
        var header = new ArrayBufferWriter<byte>(_keys.WrittenCount + 64);
        header.Write("GGUF"u8);
        WriteUInt32(header, 3);
        WriteUInt64(header, (ulong)_tensors.Count);
        WriteUInt64(header, (ulong)_keyCount);
        header.Write(_keys.WrittenSpan);
        var offset = 0L;
        foreach (var tensor in _tensors)
        {
            WriteText(header, tensor.Name);
            WriteUInt32(header, (uint)tensor.Shape.Count);
            for (var i = tensor.Shape.Count - 1; i >= 0; i--)
            {
                WriteUInt64(header, (ulong)tensor.Shape[i]);
            }

            WriteUInt32(header, (uint)tensor.Type);
            WriteUInt64(header, (ulong)offset);
            offset += Padded(tensor.Bytes);
        }

        header.Write(Padding(header.WrittenCount));
        return header.WrittenSpan.ToArray();
    }

    private static void WriteTensor(Stream stream, Declared tensor, CancellationToken cancellationToken)
    {
        var row = new float[tensor.Columns];
        var stored = new byte[GgufTensorTypes.BytesOf(tensor.Type, tensor.Columns)];
        for (var i = 0; i < tensor.Rows; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            tensor.ReadRow(i, row);
            if (!GgufQuantizer.TryNarrow(tensor.Type, row, stored))
            {
                throw new CheckpointException($"tensor {ErrorText.Quote(tensor.Name)}, row {i}: a number is infinite, NaN or too large for {tensor.Type}");
            }

            stream.Write(stored);
        }

        stream.Write(Padding(tensor.Bytes));
    }

    private void Begin(string key, GgufValueType type)
    {
        WriteText(_keys, key);
        WriteUInt32(_keys, (uint)type);
        _keyCount++;
    }

    private void BeginArray(string key, GgufValueType type, int count)
    {
        Begin(key, GgufValueType.Array);
        WriteUInt32(_keys, (uint)type);
        WriteUInt64(_keys, (ulong)count);
    }

    private static long Padded(long length) => (length + Alignment - 1) / Alignment * Alignment;

    private static ReadOnlySpan<byte> Padding(long length) => new byte[Padded(length) - length];

    private static void WriteText(ArrayBufferWriter<byte> output, string text)
    {
        WriteUInt64(output, (ulong)Encoding.UTF8.GetByteCount(text));
        Encoding.UTF8.GetBytes(text, output);
    }

    private static void WriteUInt32(ArrayBufferWriter<byte> output, uint number)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(output.GetSpan(sizeof(uint)), number);
        output.Advance(sizeof(uint));
    }

    private static void WriteUInt64(ArrayBufferWriter<byte> output, ulong number)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(output.GetSpan(sizeof(ulong)), number);
        output.Advance(sizeof(ulong));
    }

    /// <summary>A tensor yet to be written.</summary>
    private sealed record Declared(string Name, GgufTensorType Type, IReadOnlyList<long> Shape, Action<int, Span<float>> ReadRow)
    {
        public int Columns => checked((int)Shape[^1]);

        public int Rows => Shape.Count == 1 ? 1 : checked((int)Shape[0]);

        public long Bytes => Rows * GgufTensorTypes.BytesOf(Type, Columns);
    }
}
