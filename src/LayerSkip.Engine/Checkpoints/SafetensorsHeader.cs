using System.Text.Json;

namespace LayerSkip.Engine.Checkpoints;

/// <summary>The JSON header of a safetensors file, checked in full before any of the data is touched.</summary>
/// <remarks>
/// The format demands that the tensors' bytes cover the data exactly: no overlap, no hole, nothing after the last one.
/// Hence a file that was cut short or has bytes appended is refused when it is opened.
/// </remarks>
internal sealed class SafetensorsHeader
{
    /// <summary>The most bytes a header may have, as in the format's reference implementation.</summary>
    public const int MaxBytes = 100_000_000;

    /// <summary>The header's own entry, a map of strings rather than a tensor.</summary>
    public const string MetadataName = "__metadata__";

    private const int MaxDimensions = 32;

    // What is told of each in memory takes several times its bytes. The state of a run of a model of 10,000 layers has 270,009 tensors.
    private const int MaxTensors = 1 << 19;
    private const int MaxMetadata = 1 << 16;

    private SafetensorsHeader(IReadOnlyList<SafetensorsEntry> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        Tensors = tensors;
        Metadata = metadata;
    }

    /// <summary>The tensors in the order of their data.</summary>
    public IReadOnlyList<SafetensorsEntry> Tensors { get; }

    /// <summary>The free-form strings of <c>__metadata__</c>; empty where the entry is absent.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Parses and checks a header.</summary>
    /// <param name="file">The file's name, for errors.</param>
    /// <param name="utf8">The header's bytes, without the eight that give its length.</param>
    /// <param name="dataLength">Bytes of the file after the header.</param>
    /// <exception cref="CheckpointException">The header is not what the format demands, or does not fit the data.</exception>
    public static SafetensorsHeader Parse(string file, ReadOnlySpan<byte> utf8, long dataLength)
    {
        try
        {
            var header = new Reader(file, utf8).Read();
            CheckCoverage(file, header.Tensors, dataLength);
            return header;
        }
        catch (JsonException error)
        {
            throw JsonFile.Invalid($"{file}: header", error);
        }
        catch (InvalidOperationException error)
        {
            throw JsonFile.InvalidEscape($"{file}: header", error);
        }
    }

    private static void CheckCoverage(string file, IReadOnlyList<SafetensorsEntry> tensors, long dataLength)
    {
        var covered = 0L;
        foreach (var tensor in tensors)
        {
            if (tensor.Begin != covered)
            {
                var fault = tensor.Begin < covered ? "overlaps the tensor before it" : "leaves a hole before it";
                throw new CheckpointException(
                    $"{file}: tensor {ErrorText.Quote(tensor.Name)} begins at byte {tensor.Begin} of the data and {fault}, expected {covered}");
            }

            covered = tensor.End;
        }

        if (covered != dataLength)
        {
            var fault = covered > dataLength ? "the file is truncated" : "bytes follow the last tensor";
            throw new CheckpointException($"{file}: holds {dataLength} bytes of data, expected {covered}: {fault}");
        }
    }

    /// <summary>Walks the header's JSON once, without building a document of what may be 100 MB.</summary>
    private ref struct Reader(string file, ReadOnlySpan<byte> utf8)
    {
        private readonly string _file = file;
        private Utf8JsonReader _json = new(utf8);

        public SafetensorsHeader Read()
        {
            var tensors = new List<SafetensorsEntry>();
            var names = new HashSet<string>(StringComparer.Ordinal);
            IReadOnlyDictionary<string, string> metadata = new Dictionary<string, string>();

            Expect(JsonTokenType.StartObject, "header");
            while (NextField() is { } name)
            {
                if (!names.Add(name))
                {
                    throw Error($"header names {ErrorText.Quote(name)} twice, expected each tensor once");
                }

                if (name == MetadataName)
                {
                    metadata = ReadMetadata();
                }
                else
                {
                    tensors.Add(tensors.Count < MaxTensors ? ReadTensor(name) : throw Error($"header names more than {MaxTensors} tensors"));
                }
            }

            // Provokes the parser's own error where anything but white space follows the object.
            _json.Read();

            // Empty tensors begin where their neighbour does, and come before it.
            tensors.Sort((one, other) => (one.Begin, one.End).CompareTo((other.Begin, other.End)));
            return new SafetensorsHeader(tensors, metadata);
        }

        private Dictionary<string, string> ReadMetadata()
        {
            var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
            Expect(JsonTokenType.StartObject, MetadataName);
            while (NextField() is { } name)
            {
                Expect(JsonTokenType.String, $"{MetadataName}.{ErrorText.Shorten(name)}");
                if (metadata.Count == MaxMetadata)
                {
                    throw Error($"{MetadataName} holds more than {MaxMetadata} strings");
                }

                if (!metadata.TryAdd(name, _json.GetString()!))
                {
                    throw Error($"{MetadataName} holds {ErrorText.Quote(name)} twice");
                }
            }

            return metadata;
        }

        private SafetensorsEntry ReadTensor(string name)
        {
            var tensor = $"tensor {ErrorText.Quote(name)}";
            string? dataType = null;
            long[]? shape = null;
            long[]? offsets = null;

            Expect(JsonTokenType.StartObject, tensor);
            while (NextField() is { } field)
            {
                switch (field)
                {
                    case "dtype" when dataType is null:
                        Expect(JsonTokenType.String, $"{tensor}: dtype");
                        dataType = _json.GetString()!;
                        break;
                    case "shape" when shape is null:
                        shape = ReadNonNegative($"{tensor}: shape", MaxDimensions);
                        break;
                    case "data_offsets" when offsets is null:
                        offsets = ReadNonNegative($"{tensor}: data_offsets", 2);
                        break;
                    case "dtype" or "shape" or "data_offsets":
                        throw Error($"{tensor}: {field} is given twice");
                    default:
                        _json.Skip();
                        break;
                }
            }

            return Check(tensor, name, dataType, shape, offsets);
        }

        private readonly SafetensorsEntry Check(string tensor, string name, string? dataType, long[]? shape, long[]? offsets)
        {
            if (dataType is null || shape is null || offsets is null)
            {
                var missing = dataType is null ? "dtype" : shape is null ? "shape" : "data_offsets";
                throw Error($"{tensor}: {missing} is missing");
            }

            if (SafetensorsDataTypes.BitsOf(dataType) is not { } bits)
            {
                throw Error($"{tensor}: dtype is {ErrorText.Quote(dataType)}, expected one of the format's types, such as F32, F16 or BF16");
            }

            if (SafetensorsDataTypes.BytesOf(shape, bits) is not { } size)
            {
                throw Error($"{tensor}: shape {ErrorText.Shape(shape)} of {dataType} is no whole number of bytes below 2^60");
            }

            if (offsets.Length != 2 || offsets[0] > offsets[1] || offsets[1] - offsets[0] != size)
            {
                throw Error($"{tensor}: data_offsets are {ErrorText.Shape(offsets)}, expected [begin, begin + {size}] for {dataType} of shape {ErrorText.Shape(shape)}");
            }

            return new SafetensorsEntry(name, dataType, shape, offsets[0], offsets[1]);
        }

        private long[] ReadNonNegative(string what, int maxLength)
        {
            var numbers = new List<long>();
            Expect(JsonTokenType.StartArray, what);
            while (_json.Read() && _json.TokenType != JsonTokenType.EndArray)
            {
                if (_json.TokenType != JsonTokenType.Number || !_json.TryGetInt64(out var number) || number < 0)
                {
                    throw Error($"{what} holds something else than integers from 0 to 2^63 - 1");
                }

                if (numbers.Count == maxLength)
                {
                    throw Error($"{what} has more than {maxLength} numbers");
                }

                numbers.Add(number);
            }

            return [.. numbers];
        }

        /// <summary>The next field's name, or null at the object's end.</summary>
        private string? NextField() =>
            _json.Read() && _json.TokenType == JsonTokenType.PropertyName ? _json.GetString() : null;

        private void Expect(JsonTokenType type, string what)
        {
            if (!_json.Read() || _json.TokenType != type)
            {
                throw Error($"{what} is {_json.TokenType}, expected {type}");
            }
        }

        private readonly CheckpointException Error(string message) => new($"{_file}: {message}");
    }
}
