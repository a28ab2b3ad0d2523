using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.AI;

namespace LayerSkip.Parsing.Tools;

/// <summary>A parameter of a tool, or a property of one that is an object, as its JSON schema tells.</summary>
internal sealed class ToolParameter
{
    private const string DateTimeFormat = "date-time";
    private const string DateFormat = "date";
    private const string TimeFormat = "time";

    private readonly JsonElement _schema;

    private ToolParameter(string name, JsonElement schema, bool isRequired)
    {
        Name = name;
        IsRequired = isRequired;
        _schema = schema;
    }

    public string Name { get; }

    public bool IsRequired { get; }

    /// <summary>Whether several slots become a list; a parameter that takes anything takes one text.</summary>
    public bool IsList => Takes("array") && !Takes("string");

    /// <summary>Whether a nested frame becomes an object.</summary>
    public bool IsObject => Takes("object") && !Takes("string");

    /// <summary>Whether it is a date or time (or a list of them), as machines write these.</summary>
    public bool IsMoment => IsList ? Item.IsMoment : Takes("string") && Format is DateTimeFormat or DateFormat or TimeFormat;

    /// <summary>What a list holds.</summary>
    public ToolParameter Item => new(Name, Property(_schema, "items"), isRequired: false);

    /// <summary>What an object holds; empty where the schema does not say.</summary>
    public IReadOnlyList<ToolParameter> Properties => Of(_schema);

    /// <summary>A tool's parameters.</summary>
    public static IReadOnlyList<ToolParameter> Of(AIFunctionDeclaration tool) => Of(tool.JsonSchema);

    /// <summary>The members of an enumeration that are texts, or null.</summary>
    public IReadOnlyList<string>? Choices => Property(_schema, "enum") is { ValueKind: JsonValueKind.Array } choices
        ? [.. choices.EnumerateArray().Where(static choice => choice.ValueKind == JsonValueKind.String).Select(static choice => choice.GetString()!)]
        : null;

    /// <summary>Whether the schema allows a JSON type by name. One that does not say allows texts only: the words of a slot are nothing else.</summary>
    public bool Takes(string type) => Property(_schema, "type") switch
    {
        { ValueKind: JsonValueKind.String } one => one.ValueEquals(type),
        { ValueKind: JsonValueKind.Array } several => several.EnumerateArray().Any(one => one.ValueKind == JsonValueKind.String && one.ValueEquals(type)),
        _ => type == "string",
    };

    /// <summary>Whether a text has the form of the schema's <c>format</c>, as far as .NET's own types of dates and times read it; of others, any has.</summary>
    public bool TakesText(string text) => Format switch
    {
        // Not DateTime.Parse, which understands "5 pm": what reads the argument does not.
        DateTimeFormat => ResultText.ToJson(text).TryGetDateTimeOffset(out _),
        DateFormat => DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _),
        TimeFormat => TimeOnly.TryParseExact(text, "HH:mm:ss.FFFFFFF", CultureInfo.InvariantCulture, DateTimeStyles.None, out _),
        _ => true,
    };

    private string? Format => Property(_schema, "format") is { ValueKind: JsonValueKind.String } format ? format.GetString() : null;

    private static List<ToolParameter> Of(JsonElement schema)
    {
        var parameters = new List<ToolParameter>();
        if (Property(schema, "properties") is { ValueKind: JsonValueKind.Object } properties)
        {
            var required = Property(schema, "required");
            foreach (var property in properties.EnumerateObject())
            {
                parameters.Add(new ToolParameter(
                    property.Name,
                    property.Value,
                    required.ValueKind == JsonValueKind.Array
                        && required.EnumerateArray().Any(name => name.ValueKind == JsonValueKind.String && name.ValueEquals(property.Name))));
            }
        }

        return parameters;
    }

    /// <summary>A property's value; undefined where there is none.</summary>
    private static JsonElement Property(JsonElement schema, string name) =>
        schema.ValueKind == JsonValueKind.Object && schema.TryGetProperty(name, out var value) ? value : default;
}
