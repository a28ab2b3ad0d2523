using System.Globalization;
using System.Numerics;
using System.Text.Json;

namespace LayerSkip.AI.ChatTemplates.Jinja.Values;

/// <summary>JSON as values of the language, the way Python's <c>json.loads</c> reads it.</summary>
internal static class JsonValue
{
    private const int MaxDigits = 1000;

    /// <summary>Every text and number gets the origin, the names of members too.</summary>
    public static Value From(JsonElement element, PromptOrigin origin, int depth = 0)
    {
        if (depth > ContainerDepth.Maximum)
        {
            throw new JinjaException($"the JSON is nested more than {ContainerDepth.Maximum} levels deep.");
        }

        return element.ValueKind switch
        {
            JsonValueKind.Object => new DictValue([.. element.EnumerateObject().Select(member =>
                KeyValuePair.Create<Value, Value>(StringValue.Of(Name(member), origin), From(member.Value, origin, depth + 1)))]),
            JsonValueKind.Array => new ListValue([.. element.EnumerateArray().Select(item => From(item, origin, depth + 1))]),
            JsonValueKind.String => StringValue.Of(Text(element), origin),
            JsonValueKind.Number => Number(element.GetRawText(), origin),
            JsonValueKind.True => BooleanValue.True,
            JsonValueKind.False => BooleanValue.False,
            JsonValueKind.Null => NoneValue.Instance,
            _ => throw new JinjaException("a JSON element is undefined."),
        };
    }

    private static Value Number(string text, PromptOrigin origin)
    {
        if (text.Length > MaxDigits)
        {
            throw new JinjaException($"a JSON number has more than {MaxDigits} digits.");
        }

        return text.AsSpan().IndexOfAny('.', 'e', 'E') < 0
            ? new IntegerValue(BigInteger.Parse(text, CultureInfo.InvariantCulture), origin)
            : new FloatValue(double.Parse(text, CultureInfo.InvariantCulture), origin);
    }

    private static string Name(JsonProperty member)
    {
        try
        {
            return member.Name;
        }
        catch (InvalidOperationException exception)
        {
            throw InvalidText(exception);
        }
    }

    private static string Text(JsonElement element)
    {
        try
        {
            return element.GetString()!;
        }
        catch (InvalidOperationException exception)
        {
            throw InvalidText(exception);
        }
    }

    private static JinjaException InvalidText(InvalidOperationException exception) => new($"a JSON string is not valid text: {exception.Message}");
}
