using System.Globalization;
using System.Text.Json;

namespace LayerSkip.Engine.Checkpoints;

/// <summary>One object of a checkpoint's JSON file, whose fields are read with their type and range checked.</summary>
/// <remarks>
/// Every error names the file, the field, what was found and what was expected. A field that is <c>null</c> counts as absent,
/// as it does in the files that Hugging Face libraries write.
/// </remarks>
internal sealed class JsonSection
{
    private readonly string _file;
    private readonly string _prefix;
    private readonly JsonElement _element;

    private JsonSection(string file, string prefix, JsonElement element)
    {
        _file = file;
        _prefix = prefix;
        _element = element;
    }

    /// <summary>Reads a file whose JSON value is an object.</summary>
    /// <exception cref="CheckpointException">The file cannot be read, is not JSON, holds a field twice or is no object.</exception>
    public static JsonSection ReadFile(string path) => Parse(Path.GetFileName(path), JsonFile.ReadBytes(path));

    /// <summary>Parses the bytes of a file whose JSON value is an object.</summary>
    /// <exception cref="CheckpointException">The bytes are not JSON, hold a field twice or are no object.</exception>
    public static JsonSection Parse(string file, ReadOnlySpan<byte> utf8)
    {
        var root = JsonFile.Parse(file, utf8);
        return root.ValueKind == JsonValueKind.Object
            ? new JsonSection(file, "", root)
            : throw new CheckpointException($"{file}: is {Describe(root)}, expected a JSON object");
    }

    /// <summary>Whether the field is there and not null.</summary>
    public bool Has(string name) => TryGet(name, out _);

    /// <summary>Whether the field is there and null, where that means something else than its absence.</summary>
    public bool HasNull(string name) => _element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Null;

    /// <summary>The whole number of a field that must be there; <c>4096.0</c> counts as one.</summary>
    public int Integer(string name, int min, int max) => IntegerOrNull(name, min, max) ?? throw Missing(name, Range(min, max));

    /// <summary>The whole number of a field, or null where it is absent.</summary>
    /// <param name="name">The field.</param>
    /// <param name="min">The least that is right.</param>
    /// <param name="max">The most that is.</param>
    /// <param name="expected">The range in words; null: as it is.</param>
    public int? IntegerOrNull(string name, int min, int max, string? expected = null) =>
        TryGet(name, out var value) ? ToInteger(value, min, max) ?? throw Wrong(name, expected ?? Range(min, max)) : null;

    /// <summary>The whole numbers of a field that holds one or an array of them; empty where it is absent.</summary>
    public IReadOnlyList<int> Integers(string name, int min, int max)
    {
        if (!TryGet(name, out var value))
        {
            return [];
        }

        var expected = $"{Range(min, max)}, or an array of such";
        return value.ValueKind == JsonValueKind.Array
            ? [.. value.EnumerateArray().Select(item => ToInteger(item, min, max) ?? throw Wrong(name, expected))]
            : [ToInteger(value, min, max) ?? throw Wrong(name, expected)];
    }

    /// <summary>The number of a field, or null where it is absent.</summary>
    /// <param name="name">The field.</param>
    /// <param name="valid">Whether a finite number is in range.</param>
    /// <param name="expected">The range in words.</param>
    public float? NumberOrNull(string name, Func<float, bool> valid, string expected)
    {
        if (!TryGet(name, out var value))
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetSingle(out var number) && float.IsFinite(number) && valid(number)
            ? number
            : throw Wrong(name, expected);
    }

    /// <summary>The truth value of a field, or null where it is absent.</summary>
    public bool? BooleanOrNull(string name)
    {
        if (!TryGet(name, out var value))
        {
            return null;
        }

        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw Wrong(name, "true or false");
    }

    /// <summary>The string of a field, or null where it is absent.</summary>
    public string? TextOrNull(string name)
    {
        if (!TryGet(name, out var value))
        {
            return null;
        }

        return ToText(value) ?? throw Wrong(name, "a string");
    }

    /// <summary>The value that a field names in lower case, or null where it is absent.</summary>
    public T? ChoiceOrNull<T>(string name)
        where T : struct, Enum
    {
        if (!TryGet(name, out var value))
        {
            return null;
        }

        var names = Array.ConvertAll(Enum.GetNames<T>(), choice => choice.ToLowerInvariant());
        var index = Array.IndexOf(names, ToText(value));
        return index >= 0 ? Enum.GetValues<T>()[index] : throw Wrong(name, $"one of {string.Join(", ", names)}");
    }

    /// <summary>The strings of a field that holds an array of them, or null where it is absent.</summary>
    public IReadOnlyList<string>? TextsOrNull(string name)
    {
        if (!TryGet(name, out var value))
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.Array
            ? [.. value.EnumerateArray().Select(item => ToText(item) ?? throw Wrong(name, "an array of strings"))]
            : throw Wrong(name, "an array of strings");
    }

    /// <summary>The object of a field, or null where it is absent.</summary>
    public JsonSection? SectionOrNull(string name)
    {
        if (!TryGet(name, out var value))
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.Object ? new JsonSection(_file, $"{_prefix}{name}.", value) : throw Wrong(name, "an object");
    }

    /// <summary>The fields of an object that maps names to strings, in the file's order and in linear time.</summary>
    public IEnumerable<(string Name, string Text)> TextFields() =>
        _element.EnumerateObject().Select(field => (field.Name, ToText(field.Value) ?? throw Wrong(field.Name, "a string")));

    /// <summary>The error for a field that is absent.</summary>
    public CheckpointException Missing(string name, string expected) =>
        new($"{_file}: {ErrorText.Shorten(_prefix + name)} is missing, expected {expected}");

    /// <summary>The error for a field whose value is not what was expected.</summary>
    public CheckpointException Wrong(string name, string expected) =>
        TryGet(name, out var value)
            ? new($"{_file}: {ErrorText.Shorten(_prefix + name)} is {Describe(value)}, expected {expected}")
            : Missing(name, expected);

    private bool TryGet(string name, out JsonElement value) =>
        _element.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;

    private static int? ToInteger(JsonElement value, int min, int max)
    {
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out var number))
        {
            return null;
        }

        // Every int is a double, so that nothing is lost; NaN and the infinities fail the comparisons.
        return number >= min && number <= max && Math.Floor(number) == number ? (int)number : null;
    }

    private static string? ToText(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.String)
        {
            return null;
        }

        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            // The one fault that parsing leaves for later: an escape for half a surrogate pair.
            return null;
        }
    }

    private static string Range(int min, int max) =>
        string.Create(CultureInfo.InvariantCulture, $"an integer from {min} to {max}");

    private static string Describe(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.String => ErrorText.Quote(value.GetRawText().AsSpan()[1..^1]),
        _ => ErrorText.Shorten(value.GetRawText()),
    };
}
