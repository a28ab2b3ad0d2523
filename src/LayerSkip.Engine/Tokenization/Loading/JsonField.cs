using System.Globalization;
using System.Text.Json;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Tokenization.Loading;

/// <summary>A value of a checkpoint's JSON file together with its file and field name, so that every complaint can name both.</summary>
internal readonly struct JsonField(JsonElement element, string file, string path)
{
    public JsonElement Element => element;

    /// <summary>The file, for messages.</summary>
    public string File => file;

    public JsonValueKind Kind => element.ValueKind;

    /// <summary>File and field, for messages: <c>.../tokenizer.json: model.type</c>.</summary>
    public string Origin => path.Length == 0 ? file : $"{file}: {path}";

    /// <summary>A property, or null where it is missing or JSON's null.</summary>
    public JsonField? Find(string name)
    {
        RequireKind(JsonValueKind.Object, "an object");
        return element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null
            ? new JsonField(value, file, PathOf(name))
            : null;
    }

    /// <exception cref="CheckpointException">The property is missing or null.</exception>
    public JsonField Get(string name, string expected) => Find(name) ?? throw Missing(name, expected);

    /// <summary>An object's properties by name, without those that are JSON's null.</summary>
    public Dictionary<string, JsonField> Properties()
    {
        RequireKind(JsonValueKind.Object, "an object");
        var properties = new Dictionary<string, JsonField>(element.GetPropertyCount());
        foreach (var property in element.EnumerateObject())
        {
            if (property.Value.ValueKind != JsonValueKind.Null)
            {
                properties.Add(property.Name, new JsonField(property.Value, file, PathOf(property.Name)));
            }
        }

        return properties;
    }

    public IEnumerable<JsonField> Items()
    {
        RequireKind(JsonValueKind.Array, "an array");
        return Enumerate(element, file, path);

        static IEnumerable<JsonField> Enumerate(JsonElement array, string file, string path)
        {
            var index = 0;
            foreach (var item in array.EnumerateArray())
            {
                yield return new JsonField(item, file, string.Create(CultureInfo.InvariantCulture, $"{path}[{index++}]"));
            }
        }
    }

    public string AsString()
    {
        RequireKind(JsonValueKind.String, "a string");
        try
        {
            return element.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw new CheckpointException($"{Origin} is a string with a broken escape sequence, expected well-formed Unicode.", e);
        }
    }

    public bool AsBoolean() => element.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Unexpected("true or false"),
    };

    /// <summary>An integer from 0 up to <paramref name="limit"/>, exclusive.</summary>
    public int AsInteger(int limit) =>
        element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out var value) && value >= 0 && value < limit
            ? value
            : throw Unexpected($"an integer from 0 to {limit - 1}");

    public char AsCharacter() => AsString() is [var single] ? single : throw Unexpected("one character");

    /// <summary>The property <c>type</c>: a string.</summary>
    public string AsType(string expected) => Get("type", expected).AsString();

    public CheckpointException Missing(string name, string expected) => new($"{file}: {PathOf(name)} is missing, expected {expected}.");

    public CheckpointException Unexpected(string expected) => new($"{Origin} is {Describe()}, expected {expected}.");

    public void RequireKind(JsonValueKind kind, string expected)
    {
        if (element.ValueKind != kind)
        {
            throw Unexpected(expected);
        }
    }

    // Names may come from the file: those of special tokens.
    private string PathOf(string name) => path.Length == 0 ? ErrorText.Shorten(name) : $"{path}.{ErrorText.Shorten(name)}";

    private string Describe() => element.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.String => ErrorText.Quote(element.GetRawText().AsSpan()[1..^1]),
        _ => ErrorText.Shorten(element.GetRawText()),
    };
}
