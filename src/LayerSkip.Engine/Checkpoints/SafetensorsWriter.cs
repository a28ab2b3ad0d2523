using System.Buffers.Binary;
using System.Text.Json;

namespace LayerSkip.Engine.Checkpoints;

/// <summary>Writes tensors to one safetensors file.</summary>
/// <remarks>
/// Tensors are declared first, because the format's header stands before the data; their rows are asked for once, in order,
/// while <see cref="Write"/> runs, so that no more than one row is held at a time.
/// </remarks>
public sealed class SafetensorsWriter
{
    private const int Alignment = 8;

    private readonly List<Declared> _tensors = [];
    private readonly HashSet<string> _names = new(StringComparer.Ordinal) { SafetensorsHeader.MetadataName };

    /// <summary>The strings of the header's <c>__metadata__</c>. <c>format</c> is <c>pt</c> unless changed: Hugging Face libraries ask for it.</summary>
    public IDictionary<string, string> Metadata { get; } = new Dictionary<string, string> { ["format"] = "pt" };

    /// <summary>Declares a tensor whose elements are given as float32, row by row.</summary>
    /// <param name="name">Its name, not declared before.</param>
    /// <param name="dataType">How to store it, not in blocks: rounded to nearest, ties to even; NaNs stay NaNs.</param>
    /// <param name="shape">Its dimensions, at least one; a row runs along the last.</param>
    /// <param name="readRow">Fills a row, numbered from 0 over all dimensions but the last; a vector is one row.</param>
    /// <exception cref="ArgumentException">
    /// The name is empty or taken, the type is one of blocks, or the shape has no dimension, a negative one, or too many elements.
    /// </exception>
    public void Add(string name, TensorDataType dataType, ReadOnlySpan<long> shape, Action<int, Span<float>> readRow)
    {
        ArgumentNullException.ThrowIfNull(readRow);
        if (SafetensorsDataTypes.AsWeight(dataType.ToString()) is null)
        {
            throw new ArgumentException($"Is {dataType}, expected F32, F16 or BF16.", nameof(dataType));
        }

        if (shape.IsEmpty || shape[^1] > Array.MaxLength / sizeof(float))
        {
            throw new ArgumentException($"Is {ErrorText.Shape(shape)}, expected at least one dimension and rows that fit an array.", nameof(shape));
        }

        var columns = (int)shape[^1];
        Declare(name, dataType.ToString(), shape, (stream, bytes) => WriteRows(stream, bytes, dataType, columns, readRow));
    }

    /// <summary>Declares a tensor whose stored bytes are given as they are.</summary>
    /// <param name="name">Its name, not declared before.</param>
    /// <param name="dataType">Its element type as safetensors spells it, such as <c>I64</c>.</param>
    /// <param name="shape">Its dimensions; none for a scalar.</param>
    /// <param name="data">Its elements in row-major order, little-endian; kept until <see cref="Write"/>.</param>
    /// <exception cref="ArgumentException">The name is empty or taken, the type is unknown, or the data has another size than the shape implies.</exception>
    public void Add(string name, string dataType, ReadOnlySpan<long> shape, ReadOnlyMemory<byte> data)
    {
        var size = SizeOf(dataType, shape);
        if (data.Length != size)
        {
            throw new ArgumentException($"Holds {data.Length} bytes, expected {size} for {dataType} of shape {ErrorText.Shape(shape)}.", nameof(data));
        }

        Declare(name, dataType, shape, (stream, _) => stream.Write(data.Span));
    }

    /// <summary>Declares a tensor whose stored bytes are written when their turn comes.</summary>
    /// <param name="name">Its name, not declared before.</param>
    /// <param name="dataType">Its element type as safetensors spells it.</param>
    /// <param name="shape">Its dimensions.</param>
    /// <param name="write">Writes as many bytes as type and shape imply.</param>
    /// <exception cref="ArgumentException">The name is empty or taken, or the type is unknown.</exception>
    internal void Add(string name, string dataType, ReadOnlySpan<long> shape, Action<Stream> write) =>
        Declare(name, dataType, shape, (stream, _) => write(stream));

    /// <summary>Declares a tensor that is copied from elsewhere.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="dataType">How to store it, not in blocks: rounded to nearest, ties to even; NaNs stay NaNs.</param>
    /// <exception cref="ArgumentException">Its name is taken, or the type is one of blocks.</exception>
    public void Add(WeightTensor tensor, TensorDataType dataType)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        Add(tensor.Name, dataType, tensor.Shape.ToArray(), tensor.ReadRow);
    }

    /// <summary>Writes the file: beside the target first, then moved over it, so that a failure leaves an earlier file as it was.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Write(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);

        AtomicFile.Write(path, WriteTo);
    }

    /// <summary>Writes what the file holds.</summary>
    internal void WriteTo(Stream stream)
    {
        // Wide elements first keep every tensor aligned to its elements, whatever the sizes; the sort is stable.
        var ordered = _tensors.OrderByDescending(tensor => SafetensorsDataTypes.BitsOf(tensor.DataType)).ToList();
        stream.Write(Header(ordered));
        ordered.ForEach(tensor => tensor.Write(stream, tensor.Bytes));
    }

    /// <summary>The header's length in eight bytes, its JSON, and spaces up to a multiple of eight.</summary>
    private byte[] Header(IReadOnlyList<Declared> tensors)
    {
        using var bytes = new MemoryStream();
        bytes.Write(stackalloc byte[sizeof(ulong)]);
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteStartObject(SafetensorsHeader.MetadataName);
            foreach (var (key, value) in Metadata)
            {
                json.WriteString(key, value);
            }

            json.WriteEndObject();
            var begin = 0L;
            foreach (var tensor in tensors)
            {
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.DataType);
                WriteNumbers(json, "shape", tensor.Shape);
                WriteNumbers(json, "data_offsets", [begin, begin + tensor.Bytes]);
                json.WriteEndObject();
                begin += tensor.Bytes;
            }

            json.WriteEndObject();
        }

        while (bytes.Length % Alignment != 0)
        {
            bytes.WriteByte((byte)' ');
        }

        var header = bytes.ToArray();
        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)header.Length - sizeof(ulong));
        return header;
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, ReadOnlySpan<long> numbers)
    {
        json.WriteStartArray(name);
        foreach (var number in numbers)
        {
            json.WriteNumberValue(number);
        }

        json.WriteEndArray();
    }

    private static void WriteRows(Stream stream, long bytes, TensorDataType dataType, int columns, Action<int, Span<float>> readRow)
    {
        var row = new float[columns];
        var stored = new byte[columns * SafetensorsDataTypes.SizeOf(dataType)];
        var rows = columns == 0 ? 0 : checked((int)(bytes / stored.Length));
        for (var i = 0; i < rows; i++)
        {
            readRow(i, row);
            ElementNarrowing.Narrow(dataType, row, stored);
            stream.Write(stored);
        }
    }

    private void Declare(string name, string dataType, ReadOnlySpan<long> shape, Action<Stream, long> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        var size = SizeOf(dataType, shape);
        if (!_names.Add(name))
        {
            throw new ArgumentException($"{ErrorText.Quote(name)} is taken.", nameof(name));
        }

        _tensors.Add(new Declared(name, dataType, shape.ToArray(), size, write));
    }

    private static long SizeOf(string dataType, ReadOnlySpan<long> shape)
    {
        var bits = SafetensorsDataTypes.BitsOf(dataType)
            ?? throw new ArgumentException($"{ErrorText.Quote(dataType)} is no safetensors type.", nameof(dataType));
        return shape.ContainsAnyInRange(long.MinValue, -1) || SafetensorsDataTypes.BytesOf(shape, bits) is not { } size
            ? throw new ArgumentException($"{ErrorText.Shape(shape)} of {dataType} is no whole number of bytes below 2^60.", nameof(shape))
            : size;
    }

    /// <summary>A tensor yet to be written; <paramref name="Write"/> is told its size in bytes.</summary>
    private sealed record Declared(string Name, string DataType, long[] Shape, long Bytes, Action<Stream, long> Write);
}
