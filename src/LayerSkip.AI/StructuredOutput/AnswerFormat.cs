using System.Text;
using System.Text.Json;
using LayerSkip.AI.Requests;
using LayerSkip.AI.Tools;
using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Constraints.Json;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.StructuredOutput;

/// <summary>The form that a request's <see cref="ChatOptions.ResponseFormat"/> asks of the answer: JSON of a schema, or any object.</summary>
internal sealed class AnswerFormat
{
    private const int MaxDepth = 256;

    private readonly JsonElement? _schema;
    private readonly UnsupportedOptions _unsupported;
    private readonly Lazy<string> _hint;

    private AnswerFormat(ChatResponseFormatJson format, UnsupportedOptions unsupported)
    {
        _schema = format.Schema;
        _unsupported = unsupported;
        Key = _schema is { } schema ? $"json:{schema.GetRawText()}" : "json";
        _hint = new(() => Describe(format));
    }

    /// <summary>Equal for equal languages.</summary>
    public string Key { get; }

    /// <summary>Tells the model in words what it will be held to.</summary>
    /// <exception cref="ArgumentException">The schema nests too deep to be written.</exception>
    public string Hint => _hint.Value;

    /// <summary>Reads the format; null where the answer is free text.</summary>
    public static AnswerFormat? Read(ChatResponseFormat? format, UnsupportedOptions unsupported)
    {
        switch (format)
        {
            case ChatResponseFormatJson json:
                return new AnswerFormat(json, unsupported);
            case null or ChatResponseFormatText:
                return null;
            default:
                unsupported.Report($"ChatOptions.ResponseFormat of type {format.GetType().Name}");
                return null;
        }
    }

    /// <summary>The answers of this form.</summary>
    /// <exception cref="ArgumentException">No JSON value satisfies the schema.</exception>
    public GrammarNode Language(Grammar grammar)
    {
        var json = new JsonGrammar(grammar);
        try
        {
            if (_schema is not { } schema)
            {
                return json.AnyObject();
            }

            var language = json.Schema(schema, out var leftOut);
            _unsupported.ReportLeftOut("the schema of ChatOptions.ResponseFormat", leftOut);
            return language;
        }
        catch (ArgumentException e)
        {
            throw new ArgumentException($"ChatOptions.ResponseFormat: {e.Message}", e);
        }
    }

    private static string Describe(ChatResponseFormatJson format)
    {
        if (format.Schema is not { } schema)
        {
            return "Answer with a JSON object only, without any other text.";
        }

        var text = new StringBuilder("Answer with JSON that satisfies this JSON schema, without any other text:\n").Append(JsonText.Write(writer => Write(schema, writer, 0)));
        return string.IsNullOrWhiteSpace(format.SchemaDescription) ? text.ToString() : text.Append('\n').Append(format.SchemaDescription).ToString();
    }

    /// <summary>Writes the schema without white space, and without what of it says nothing to a model.</summary>
    private static void Write(JsonElement value, Utf8JsonWriter writer, int depth)
    {
        if (depth > MaxDepth)
        {
            throw new ArgumentException($"ChatOptions.ResponseFormat: the JSON schema nests more than the {MaxDepth} levels expected at most.");
        }

        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteStartObject();
                foreach (var property in value.EnumerateObject())
                {
                    // Further in, it may be the name of a property of the answer.
                    if (depth > 0 || property.Name is not ("$schema" or "$comment"))
                    {
                        writer.WritePropertyName(property.Name);
                        Write(property.Value, writer, depth + 1);
                    }
                }

                writer.WriteEndObject();
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (var item in value.EnumerateArray())
                {
                    Write(item, writer, depth + 1);
                }

                writer.WriteEndArray();
                break;
            default:
                value.WriteTo(writer);
                break;
        }
    }
}
