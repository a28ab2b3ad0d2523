using System.Buffers.Binary;
using System.Globalization;

namespace LayerSkip.Engine.Checkpoints.Gguf;

/// <summary>The keys and values of a GGUF file, read with their type and range checked.</summary>
/// <remarks>Every error names the file, the key, what was found and what was expected. Arrays are read when they are asked for.</remarks>
internal sealed class GgufMetadata
{
    private const int MaxElements = ModelConfigReader.MaxVocabulary; // of an array

    private readonly byte[] _bytes;
    private readonly GgufFront _front;
    private readonly Dictionary<string, (GgufValueType Type, int Offset, int End)> _values;

    /// <param name="file">The file's name, for errors.</param>
    /// <param name="bytes">The file up to the end of its metadata.</param>
    /// <param name="values">Where in it the values of the keys lie; none reaches beyond.</param>
    public GgufMetadata(string file, byte[] bytes, Dictionary<string, (GgufValueType Type, int Offset, int End)> values)
    {
        File = file;
        _bytes = bytes;
        _front = new GgufFront(bytes);
        _values = values;
    }

    /// <summary>The file's name.</summary>
    public string File { get; }

    public bool Has(string key) => _values.ContainsKey(key);

    /// <summary>Bytes of a number or truth value; 0 for strings and arrays.</summary>
    public static int SizeOf(GgufValueType type) => type switch
    {
        GgufValueType.UInt8 or GgufValueType.Int8 or GgufValueType.Bool => 1,
        GgufValueType.UInt16 or GgufValueType.Int16 => 2,
        GgufValueType.UInt32 or GgufValueType.Int32 or GgufValueType.Float32 => 4,
        GgufValueType.UInt64 or GgufValueType.Int64 or GgufValueType.Float64 => 8,
        _ => 0,
    };

    /// <summary>The whole number of a key that must be there.</summary>
    public int Integer(string key, int min, int max) => IntegerOrNull(key, min, max) ?? throw Missing(key, Range(min, max));

    /// <summary>The whole number of a key, or null where it is absent.</summary>
    public int? IntegerOrNull(string key, int min, int max, string? expected = null)
    {
        if (!_values.TryGetValue(key, out var value))
        {
            return null;
        }

        return ToInteger(value.Type, _bytes.AsSpan(value.Offset)) is { } number && number >= min && number <= max
            ? (int)number
            : throw Wrong(key, expected ?? Range(min, max));
    }

    /// <summary>The token of a key, or null where it is absent or no token of the vocabulary: llama.cpp writes none as 4294967295, and models name tokens that they lack.</summary>
    /// <param name="key">The key.</param>
    /// <param name="tokens">Size of the vocabulary.</param>
    public int? TokenOrNull(string key, int tokens)
    {
        if (!_values.TryGetValue(key, out var value))
        {
            return null;
        }

        var id = ToInteger(value.Type, _bytes.AsSpan(value.Offset)) ?? throw Wrong(key, "an integer");
        return id >= 0 && id < tokens ? (int)id : null;
    }

    /// <summary>The number of a key, or null where it is absent.</summary>
    /// <param name="key">The key.</param>
    /// <param name="valid">Whether a finite number is in range.</param>
    /// <param name="expected">The range in words.</param>
    public float? NumberOrNull(string key, Func<float, bool> valid, string expected)
    {
        if (!_values.TryGetValue(key, out var value))
        {
            return null;
        }

        return ToNumber(value.Type, _bytes.AsSpan(value.Offset)) is { } number && float.IsFinite(number) && valid(number)
            ? number
            : throw Wrong(key, expected);
    }

    /// <summary>The truth value of a key, or null where it is absent.</summary>
    public bool? BooleanOrNull(string key)
    {
        if (!_values.TryGetValue(key, out var value))
        {
            return null;
        }

        return value.Type == GgufValueType.Bool && _bytes[value.Offset] <= 1 ? _bytes[value.Offset] == 1 : throw Wrong(key, "true or false");
    }

    /// <summary>The string of a key that must be there.</summary>
    public string Text(string key, string expected) => TextOrNull(key) ?? throw Missing(key, expected);

    /// <summary>The string of a key, or null where it is absent.</summary>
    public string? TextOrNull(string key)
    {
        if (!_values.TryGetValue(key, out var value))
        {
            return null;
        }

        if (value.Type != GgufValueType.String)
        {
            throw Wrong(key, "a string");
        }

        var cursor = At(value.Offset);
        return cursor.ReadText(new GgufPart("key", key));
    }

    /// <summary>The value that a key's string names, in lower case, or null where it is absent.</summary>
    public T? ChoiceOrNull<T>(string key)
        where T : struct, Enum
    {
        if (!Has(key))
        {
            return null;
        }

        var names = Array.ConvertAll(Enum.GetNames<T>(), choice => choice.ToLowerInvariant());
        var expected = $"one of {string.Join(", ", names)}";
        var index = _values[key].Type == GgufValueType.String ? Array.IndexOf(names, TextOrNull(key)) : -1;
        return index >= 0 ? Enum.GetValues<T>()[index] : throw Wrong(key, expected);
    }

    /// <summary>The whole numbers of a key that holds an array of them, or null where it is absent.</summary>
    public int[]? IntegersOrNull(string key, int min, int max)
    {
        if (ArrayOrNull(key) is not var (type, count, offset))
        {
            return null;
        }

        var numbers = new int[count];
        for (var i = 0; i < count; i++)
        {
            numbers[i] = ToInteger(type, _bytes.AsSpan(offset + (i * SizeOf(type)))) is { } number && number >= min && number <= max
                ? (int)number
                : throw new CheckpointException($"{File}: {ErrorText.Shorten(key)}[{i}] is not {Range(min, max)}");
        }

        return numbers;
    }

    /// <summary>The numbers of a key that holds an array of them, or null where it is absent; they may be infinite or NaN.</summary>
    public float[]? NumbersOrNull(string key)
    {
        if (ArrayOrNull(key) is not var (type, count, offset))
        {
            return null;
        }

        var numbers = new float[count];
        for (var i = 0; i < count; i++)
        {
            numbers[i] = ToNumber(type, _bytes.AsSpan(offset + (i * SizeOf(type)))) ?? throw Wrong(key, "an array of numbers");
        }

        return numbers;
    }

    /// <summary>The strings of a key that holds an array of them, or null where it is absent.</summary>
    public string[]? TextsOrNull(string key)
    {
        if (ArrayOrNull(key) is not var (type, count, offset))
        {
            return null;
        }

        if (type != GgufValueType.String)
        {
            throw Wrong(key, "an array of strings");
        }

        var texts = new string[count];
        var cursor = At(offset);
        var what = new GgufPart("an element of", key);
        for (var i = 0; i < count; i++)
        {
            texts[i] = cursor.ReadText(what);
        }

        return texts;
    }

    /// <summary>Adds every key that begins so, as it is stored.</summary>
    public void CopyTo(GgufWriter writer, string prefix)
    {
        foreach (var (key, (type, offset, end)) in _values.Where(value => value.Key.StartsWith(prefix, StringComparison.Ordinal)))
        {
            writer.AddStored(key, type, _bytes.AsSpan(offset..end));
        }
    }

    /// <summary>The error for a key that is absent.</summary>
    public CheckpointException Missing(string key, string expected) => new($"{File}: key {ErrorText.Shorten(key)} is missing, expected {expected}");

    /// <summary>The error for a key whose value is not what was expected.</summary>
    public CheckpointException Wrong(string key, string expected) =>
        _values.TryGetValue(key, out var value)
            ? new($"{File}: key {ErrorText.Shorten(key)} is {Describe(value.Type, value.Offset)}, expected {expected}")
            : Missing(key, expected);

    private (GgufValueType Type, int Count, int Offset)? ArrayOrNull(string key)
    {
        if (!_values.TryGetValue(key, out var value))
        {
            return null;
        }

        if (value.Type != GgufValueType.Array)
        {
            throw Wrong(key, "an array");
        }

        // What the parser has checked already: the type is known, and the count, at a byte each at least, fits the bytes.
        var cursor = At(value.Offset);
        var type = (GgufValueType)cursor.ReadUInt32(key);
        var count = cursor.ReadUInt64(key);
        return count <= MaxElements ? (type, (int)count, cursor.Position) : throw Wrong(key, $"at most {MaxElements}");
    }

    private GgufCursor At(int offset) => new(File, _front) { Position = offset };

    private static Int128? ToInteger(GgufValueType type, ReadOnlySpan<byte> bytes) => type switch
    {
        GgufValueType.UInt8 => bytes[0],
        GgufValueType.Int8 => (sbyte)bytes[0],
        GgufValueType.UInt16 => BinaryPrimitives.ReadUInt16LittleEndian(bytes),
        GgufValueType.Int16 => BinaryPrimitives.ReadInt16LittleEndian(bytes),
        GgufValueType.UInt32 => BinaryPrimitives.ReadUInt32LittleEndian(bytes),
        GgufValueType.Int32 => BinaryPrimitives.ReadInt32LittleEndian(bytes),
        GgufValueType.UInt64 => BinaryPrimitives.ReadUInt64LittleEndian(bytes),
        GgufValueType.Int64 => BinaryPrimitives.ReadInt64LittleEndian(bytes),
        _ => null,
    };

    private static float? ToNumber(GgufValueType type, ReadOnlySpan<byte> bytes) => type switch
    {
        GgufValueType.Float32 => BinaryPrimitives.ReadSingleLittleEndian(bytes),
        GgufValueType.Float64 => (float)BinaryPrimitives.ReadDoubleLittleEndian(bytes),
        _ => (float?)ToInteger(type, bytes),
    };

    private string Describe(GgufValueType type, int offset)
    {
        switch (type)
        {
            case GgufValueType.String:
                return ErrorText.Quote(TextOr(offset, "?"));
            case GgufValueType.Array:
                var cursor = At(offset);
                var elements = (GgufValueType)cursor.ReadUInt32("");
                return string.Create(CultureInfo.InvariantCulture, $"an array of {cursor.ReadUInt64("")} {elements}");
            case GgufValueType.Bool:
                return _bytes[offset] switch { 0 => "false", 1 => "true", var other => $"a truth value of {other}" };
            default:
                var bytes = _bytes.AsSpan(offset);
                return ToInteger(type, bytes)?.ToString(CultureInfo.InvariantCulture)
                    ?? ToNumber(type, bytes)!.Value.ToString(CultureInfo.InvariantCulture);
        }
    }

    private string TextOr(int offset, string other)
    {
        try
        {
            return At(offset).ReadText("");
        }
        catch (CheckpointException)
        {
            return other;
        }
    }

    private static string Range(int min, int max) => string.Create(CultureInfo.InvariantCulture, $"an integer from {min} to {max}");
}
