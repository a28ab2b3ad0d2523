using System.Numerics;

namespace LayerSkip.Engine.Checkpoints.Gguf;

/// <summary>Metadata and tensors of a GGUF file (version 2 or 3, little-endian), checked against the file's size.</summary>
/// <param name="Metadata">The keys and values.</param>
/// <param name="Tensors">The tensors, in the file's order.</param>
internal sealed record GgufHeader(GgufMetadata Metadata, IReadOnlyList<GgufEntry> Tensors)
{
    /// <summary>Most bytes that metadata and the list of tensors may take; those of a vocabulary of a million tokens take less than half.</summary>
    public const int MaxBytes = 1 << 28;

    /// <summary>Most keys; files have some dozens.</summary>
    public const int MaxKeys = 1 << 16;

    private const int MaxTensors = 1 << 17; // a model of 10,000 layers has 90,003

    private const uint Magic = 0x46554747; // "GGUF"
    private const int MaxNameBytes = 65_535;
    private const int MaxDimensions = 4;
    private const int MaxAlignment = 1 << 16;

    // A key's or tensor's least size bounds how many of them the bytes that follow can hold.
    private const int MinKeyBytes = sizeof(ulong) + sizeof(uint) + 1;
    private const int MinTensorBytes = sizeof(ulong) + sizeof(uint) + sizeof(ulong) + sizeof(uint) + sizeof(ulong);

    /// <summary>Parses a header.</summary>
    /// <param name="file">The file's name, for errors.</param>
    /// <param name="front">The file from its first byte.</param>
    /// <param name="fileLength">Bytes of the whole file.</param>
    /// <exception cref="CheckpointException">It is not a whole and well-formed GGUF file of version 2 or 3.</exception>
    public static GgufHeader Parse(string file, GgufFront front, long fileLength)
    {
        var cursor = new GgufCursor(file, front);
        var (tensorCount, keyCount) = ReadCounts(file, ref cursor);
        var values = ReadKeys(file, ref cursor, keyCount);
        var metadata = new GgufMetadata(file, front.Take(0, cursor.Position).ToArray(), values);
        if (tensorCount > (ulong)(cursor.Remaining / MinTensorBytes))
        {
            throw new CheckpointException($"{file}: lists {tensorCount} tensors, but {cursor.Remaining} bytes follow: the file is truncated or damaged");
        }

        if (tensorCount > MaxTensors)
        {
            throw new CheckpointException($"{file}: lists {tensorCount} tensors, expected at most {MaxTensors}");
        }

        var alignment = metadata.IntegerOrNull("general.alignment", 1, MaxAlignment) ?? 32;
        if (!BitOperations.IsPow2(alignment))
        {
            throw metadata.Wrong("general.alignment", "a power of two");
        }

        return new GgufHeader(metadata, ReadTensors(file, ref cursor, (int)tensorCount, alignment, fileLength));
    }

    private static (ulong Tensors, ulong Keys) ReadCounts(string file, ref GgufCursor cursor)
    {
        if (cursor.Remaining < sizeof(uint) || cursor.ReadUInt32("the magic number") != Magic)
        {
            throw new CheckpointException($"{file}: does not begin with 'GGUF', expected a GGUF file, or a checkpoint's directory");
        }

        var version = cursor.ReadUInt32("the version");
        if (version is not (2 or 3))
        {
            throw new CheckpointException($"{file}: GGUF version is {version}, expected 2 or 3, little-endian");
        }

        var tensors = cursor.ReadUInt64("the number of tensors");
        var keys = cursor.ReadUInt64("the number of keys");
        if (keys > (ulong)(cursor.Remaining / MinKeyBytes))
        {
            throw new CheckpointException($"{file}: lists {keys} keys, but {cursor.Remaining} bytes follow: the file is truncated or damaged");
        }

        return keys <= MaxKeys ? (tensors, keys) : throw new CheckpointException($"{file}: lists {keys} keys, expected at most {MaxKeys}");
    }

    private static Dictionary<string, (GgufValueType Type, int Offset, int End)> ReadKeys(string file, ref GgufCursor cursor, ulong count)
    {
        var values = new Dictionary<string, (GgufValueType, int, int)>(StringComparer.Ordinal);
        for (var i = 0ul; i < count; i++)
        {
            var key = ReadName(file, ref cursor, "a key's name");
            var what = new GgufPart("key", key);
            var type = ReadType(file, ref cursor, what);
            var offset = cursor.Position;
            SkipValue(file, ref cursor, type, what);
            if (!values.TryAdd(key, (type, offset, cursor.Position)))
            {
                throw new CheckpointException($"{file}: {what} is given twice");
            }
        }

        return values;
    }

    private static string ReadName(string file, ref GgufCursor cursor, string what)
    {
        var start = cursor.Position;
        var length = cursor.ReadUInt64(what);
        if (length > MaxNameBytes)
        {
            throw new CheckpointException($"{file}: {what} at offset {start} is {length} bytes long, expected at most {MaxNameBytes}");
        }

        cursor.Position = start;
        return cursor.ReadText(what);
    }

    private static GgufValueType ReadType(string file, ref GgufCursor cursor, GgufPart what)
    {
        var type = cursor.ReadUInt32(what);
        return type <= (uint)GgufValueType.Float64
            ? (GgufValueType)type
            : throw new CheckpointException($"{file}: {what} has value type {type}, expected 0 to 12");
    }

    private static void SkipValue(string file, ref GgufCursor cursor, GgufValueType type, GgufPart what)
    {
        switch (type)
        {
            case GgufValueType.String:
                cursor.ReadUtf8(what);
                break;
            case GgufValueType.Array:
                SkipArray(file, ref cursor, what);
                break;
            default:
                cursor.Take((ulong)GgufMetadata.SizeOf(type), what);
                break;
        }
    }

    private static void SkipArray(string file, ref GgufCursor cursor, GgufPart what)
    {
        var type = ReadType(file, ref cursor, what);
        var count = cursor.ReadUInt64(what);
        var size = type == GgufValueType.String ? sizeof(ulong) : GgufMetadata.SizeOf(type);
        if (type == GgufValueType.Array)
        {
            throw new CheckpointException($"{file}: {what} is an array of arrays, expected one of numbers, truth values or strings");
        }

        if (count > (ulong)(cursor.Remaining / size))
        {
            throw new CheckpointException($"{file}: {what} is an array of {count}, but {cursor.Remaining} bytes follow: the file is truncated or damaged");
        }

        if (type != GgufValueType.String)
        {
            cursor.Take(count * (ulong)size, what);
            return;
        }

        for (var i = 0ul; i < count; i++)
        {
            cursor.ReadUtf8(what);
        }
    }

    private static List<GgufEntry> ReadTensors(string file, ref GgufCursor cursor, int count, int alignment, long fileLength)
    {
        var tensors = new List<GgufEntry>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < count; i++)
        {
            var tensor = ReadTensor(file, ref cursor);
            if (!names.Add(tensor.Name))
            {
                throw new CheckpointException($"{file}: tensor {ErrorText.Quote(tensor.Name)} is listed twice");
            }

            tensors.Add(tensor);
        }

        // Offsets count from the first aligned byte behind the list.
        var dataStart = ((long)cursor.Position + alignment - 1) / alignment * alignment;
        for (var i = 0; i < count; i++)
        {
            tensors[i] = Place(file, tensors[i], alignment, dataStart, fileLength);
        }

        RefuseOverlaps(file, tensors);
        return tensors;
    }

    private static GgufEntry ReadTensor(string file, ref GgufCursor cursor)
    {
        var name = ReadName(file, ref cursor, "a tensor's name");
        var what = new GgufPart("tensor", name);
        var dimensions = cursor.ReadUInt32(what);
        if (dimensions is < 1 or > MaxDimensions)
        {
            throw new CheckpointException($"{file}: {what} has {dimensions} dimensions, expected 1 to {MaxDimensions}");
        }

        var shape = new long[dimensions];
        for (var i = shape.Length - 1; i >= 0; i--)
        {
            shape[i] = cursor.ReadUInt64(what) is >= 1 and <= long.MaxValue and var size
                ? (long)size
                : throw new CheckpointException($"{file}: {what} has a dimension outside 1 .. 2^63 - 1");
        }

        var type = cursor.ReadUInt32(what);
        var offset = cursor.ReadUInt64(what);
        return offset <= long.MaxValue
            ? new GgufEntry(name, type, shape, (long)offset, BytesOf(file, what, type, shape))
            : throw new CheckpointException($"{file}: {what} begins at {offset}, expected an offset within the file");
    }

    private static long BytesOf(string file, GgufPart what, uint type, long[] shape)
    {
        if (GgufTensorTypes.Find(type) is not var (name, elements, bytes))
        {
            throw new CheckpointException($"{file}: {what} has type {type}, expected {GgufTensorTypes.Readable}");
        }

        if (shape[^1] % elements != 0)
        {
            throw new CheckpointException($"{file}: {what} has rows of {shape[^1]} elements, expected a multiple of {elements}, the block of {name}");
        }

        Int128 size = shape[^1] / elements;
        size *= bytes;
        foreach (var dimension in shape.AsSpan()[..^1])
        {
            // Both factors stay below 2^63, so that the product fits 127 bits.
            size = size <= long.MaxValue ? size * dimension : size;
        }

        return size <= long.MaxValue
            ? (long)size
            : throw new CheckpointException($"{file}: {what} has shape {ErrorText.Shape(shape)}, more than 2^63 bytes of {name}");
    }

    private static GgufEntry Place(string file, GgufEntry tensor, int alignment, long dataStart, long fileLength)
    {
        var what = new GgufPart("tensor", tensor.Name);
        if (tensor.Offset % alignment != 0)
        {
            throw new CheckpointException($"{file}: {what} begins at {tensor.Offset} within the data, expected a multiple of {alignment}, the file's alignment");
        }

        return tensor.Bytes <= fileLength - dataStart && tensor.Offset <= fileLength - dataStart - tensor.Bytes
            ? tensor with { Offset = dataStart + tensor.Offset }
            : throw new CheckpointException(
                $"{file}: {what} takes {tensor.Bytes} bytes at {tensor.Offset} within the data, which is {Math.Max(0, fileLength - dataStart)} bytes long: the file is truncated or damaged");
    }

    private static void RefuseOverlaps(string file, IReadOnlyList<GgufEntry> tensors)
    {
        GgufEntry? previous = null;
        foreach (var tensor in tensors.OrderBy(tensor => tensor.Offset))
        {
            if (previous is not null && previous.Offset + previous.Bytes > tensor.Offset)
            {
                throw new CheckpointException($"{file}: tensors {ErrorText.Quote(previous.Name)} and {ErrorText.Quote(tensor.Name)} overlap");
            }

            previous = tensor;
        }
    }
}
