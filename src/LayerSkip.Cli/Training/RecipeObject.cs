using System.Globalization;
using System.Text.Json;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Cli.Training;

/// <summary>
/// One object of a recipe file. Every field is read with its type and range checked; unknown ones are refused before any is read, so that a misspelt
/// field is neither overlooked nor told as a missing one.
/// </summary>
internal sealed class RecipeObject
{
    private static readonly JsonDocumentOptions s_options = new() { CommentHandling = JsonCommentHandling.Skip, AllowDuplicateProperties = false };

    private readonly string _file;
    private readonly string _prefix;
    private readonly JsonElement _element;

    private RecipeObject(string file, string prefix, JsonElement element) => (_file, _prefix, _element) = (file, prefix, element);

    /// <summary>Reads a recipe file.</summary>
    /// <exception cref="UsageException">The file cannot be read, holds no JSON object, or one with an unknown field.</exception>
    /// <exception cref="CheckpointException">It is not JSON; the message gives the line.</exception>
    public static RecipeObject ReadFile(string path)
    {
        var text = InputText.ReadFile("--recipe", path);
        try
        {
            using var document = JsonDocument.Parse(text, s_options);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new UsageException($"{path}: is no JSON object, expected a recipe such as {{\"output\": \"runs/mine\", ...}}");
            }

            RecipeFields.Check(path, document.RootElement);
            return new RecipeObject(path, "", document.RootElement.Clone());
        }
        catch (JsonException e)
        {
            throw JsonFile.Invalid(path, e);
        }
        catch (InvalidOperationException e)
        {
            throw JsonFile.InvalidEscape(path, e);
        }
    }

    /// <summary>Whether the field is there.</summary>
    public bool Has(string name) => _element.TryGetProperty(name, out _);

    /// <summary>A whole number, or null where the field is absent.</summary>
    public int? Integer(string name, int min, int max = int.MaxValue) =>
        _element.TryGetProperty(name, out var value) ? (int)(WholeNumber(value, min, max) ?? throw Wrong(name, Range(min, max))) : null;

    /// <summary>A whole number from 0 to 2^64 - 1, or null where the field is absent.</summary>
    public ulong? Seed(string name) =>
        !_element.TryGetProperty(name, out var value) ? null
            : value.ValueKind == JsonValueKind.Number && value.TryGetUInt64(out var seed) ? seed
            : throw Wrong(name, $"an integer from 0 to {ulong.MaxValue}");

    /// <summary>A finite number, or null where the field is absent.</summary>
    /// <param name="name">The field.</param>
    /// <param name="expected">The range in words.</param>
    /// <param name="valid">Whether a finite number is in range.</param>
    public double? Number(string name, string expected, Func<double, bool> valid) =>
        _element.TryGetProperty(name, out var value) ? FiniteNumber(value) is { } number && valid(number) ? number : throw Wrong(name, expected) : null;

    /// <summary>Finite numbers, or null where the field is absent.</summary>
    public IReadOnlyList<double>? Numbers(string name, string expected, Func<double, bool> valid) =>
        Items(name, expected)?.Select(item => FiniteNumber(item) is { } number && valid(number) ? number : throw Wrong(name, expected)).ToArray();

    /// <summary>Whole numbers, or null where the field is absent.</summary>
    public IReadOnlyList<int>? Integers(string name, int min, int max)
    {
        var expected = $"an array of integers from {min} to {max}";
        return Items(name, expected)?.Select(item => (int)(WholeNumber(item, min, max) ?? throw Wrong(name, expected))).ToArray();
    }

    /// <summary>A truth value, or null where the field is absent.</summary>
    public bool? Boolean(string name) =>
        !_element.TryGetProperty(name, out var value) ? null
            : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean()
            : throw Wrong(name, "true or false");

    /// <summary>A string that is not empty, or null where the field is absent.</summary>
    public string? Text(string name) =>
        _element.TryGetProperty(name, out var value) ? NonEmptyText(value) ?? throw Wrong(name, "a non-empty string") : null;

    /// <summary>At least one string, none of them empty, or null where the field is absent.</summary>
    public IReadOnlyList<string>? Texts(string name)
    {
        const string Expected = "an array of at least one non-empty string";
        var texts = Items(name, Expected)?.Select(item => NonEmptyText(item) ?? throw Wrong(name, Expected)).ToArray();
        return texts is [] ? throw Wrong(name, Expected) : texts;
    }

    /// <summary>What one of a few words stands for, or null where the field is absent.</summary>
    public T? Choice<T>(string name, params (string Word, T Value)[] choices)
        where T : struct
    {
        if (!_element.TryGetProperty(name, out var value))
        {
            return null;
        }

        var index = Array.FindIndex(choices, choice => NonEmptyText(value) == choice.Word);
        return index < 0 ? throw Wrong(name, $"one of {string.Join(", ", choices.Select(choice => $"\"{choice.Word}\""))}") : choices[index].Value;
    }

    /// <summary>An object, or null where the field is absent.</summary>
    public RecipeObject? Object(string name) =>
        !_element.TryGetProperty(name, out var value) ? null
            : value.ValueKind == JsonValueKind.Object ? new RecipeObject(_file, $"{_prefix}{name}.", value)
            : throw Wrong(name, "an object");

    /// <summary>At least one object.</summary>
    public IReadOnlyList<RecipeObject> Objects(string name)
    {
        const string Expected = "an array of at least one object";
        var objects = (Items(name, Expected) ?? throw Missing(name, Expected))
            .Select((item, index) => item.ValueKind == JsonValueKind.Object ? new RecipeObject(_file, $"{_prefix}{name}[{index}].", item) : throw Wrong(name, Expected))
            .ToArray();
        return objects is [] ? throw Wrong(name, Expected) : objects;
    }

    /// <summary>The error for fields that do not go together.</summary>
    public UsageException Contradiction(string name, string problem) => new($"{_file}: {_prefix}{name} {problem}");

    /// <summary>The error for a field that is absent.</summary>
    public UsageException Missing(string name, string expected) => new($"{_file}: {_prefix}{name} is missing, expected {expected}");

    /// <summary>The error for a field whose value is not what was expected.</summary>
    public UsageException Wrong(string name, string expected) =>
        new($"{_file}: {_prefix}{name} is {Describe(_element.GetProperty(name))}, expected {expected}");

    private JsonElement.ArrayEnumerator? Items(string name, string expected) =>
        !_element.TryGetProperty(name, out var value) ? null : value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : throw Wrong(name, expected);

    private static long? WholeNumber(JsonElement value, long min, long max) =>
        FiniteNumber(value) is { } number && Math.Floor(number) == number && number >= min && number <= max ? (long)number : null;

    private static double? FiniteNumber(JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number) ? number : null;

    private static string? NonEmptyText(JsonElement value)
    {
        try
        {
            return value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text ? text : null;
        }
        catch (InvalidOperationException)
        {
            // An escape for half a surrogate pair, which parsing leaves for later.
            return null;
        }
    }

    private static string Range(long min, long max) => max == int.MaxValue
        ? string.Create(CultureInfo.InvariantCulture, $"an integer of at least {min}")
        : string.Create(CultureInfo.InvariantCulture, $"an integer from {min} to {max}");

    private static string Describe(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        _ => ErrorText.Shorten(value.GetRawText()),
    };
}
