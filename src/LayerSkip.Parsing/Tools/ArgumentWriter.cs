using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using LayerSkip.Parsing.Frames;

namespace LayerSkip.Parsing.Tools;

/// <summary>Writes what slots hold as values of the types that parameters take.</summary>
internal sealed class ArgumentWriter(UtteranceText utterance)
{
    /// <summary>A parameter's value, or null where what the slots hold does not fit.</summary>
    /// <param name="parameter">The parameter.</param>
    /// <param name="values">What each of its slots holds: a <see cref="FrameNode"/> (the slot), or a tool's result.</param>
    public object? Write(ToolParameter parameter, IReadOnlyList<object> values)
    {
        if (values is [not FrameNode])
        {
            // A tool's result goes on as it is where the parameter takes that, else as what its text can become.
            var result = ResultText.ToJson(values[0]);
            return result.ValueKind is not JsonValueKind.String && TakesKind(parameter, result) ? result : Scalar(parameter, ResultText.Of(result));
        }

        return ToNode(parameter, values) switch
        {
            null => null,
            JsonValue value when value.TryGetValue<string>(out var text) => text,
            var node => JsonElement.Parse(node.ToJsonString()),
        };
    }

    /// <summary>What slots say, in one text.</summary>
    public string Words(IReadOnlyList<object> values) => string.Join(", ", values.Select(Text));

    private JsonNode? ToNode(ToolParameter parameter, IReadOnlyList<object> values)
    {
        if (parameter.IsList)
        {
            var items = new JsonArray();
            foreach (var value in values)
            {
                if (ToNode(parameter.Item, [value]) is not { } item)
                {
                    return null;
                }

                items.Add(item);
            }

            return items;
        }

        if (parameter.IsObject)
        {
            return values is [FrameNode { Children: [{ Kind: FrameNodeKind.Intent } nested] }] ? Object(parameter, nested) : null;
        }

        return Node(Scalar(parameter, Words(values)));
    }

    /// <summary>A nested frame: its slots under the names of the object's properties, or, where the schema names none, under their own.</summary>
    private JsonObject? Object(ToolParameter parameter, FrameNode intent)
    {
        var slots = intent.Children.Where(static child => child.Kind == FrameNodeKind.Slot).GroupBy(Names.SnakeCase);
        var properties = parameter.Properties;
        if (properties.Count == 0)
        {
            return new JsonObject(slots.Select(slot => KeyValuePair.Create<string, JsonNode?>(slot.Key, string.Join(", ", slot.Select(Text))))
                .Prepend(new("intent", Names.SnakeCase(intent))));
        }

        var written = new JsonObject();
        foreach (var property in properties)
        {
            object[] values = [.. slots.Where(slot => Names.Same(slot.Key, property.Name)).SelectMany(static slot => slot)];
            if (values.Length > 0 && ToNode(property, values) is { } value)
            {
                written[property.Name] = value;
            }
            else if (property.IsRequired)
            {
                return null;
            }
        }

        return written;
    }

    private static object? Scalar(ToolParameter parameter, string text)
    {
        if (parameter.Choices is { Count: > 0 } choices)
        {
            return choices.FirstOrDefault(choice => Names.Same(choice, text));
        }

        if (parameter.Takes("string"))
        {
            return parameter.TakesText(text) ? text : null;
        }

        // Enough for a slot that holds nothing but a figure; a tool that must understand "half past" takes text.
        return parameter.Takes("integer") && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var integer) ? integer
            : parameter.Takes("number") && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number
            : parameter.Takes("boolean") && bool.TryParse(text, out var truth) ? truth
            : null;
    }

    private static bool TakesKind(ToolParameter parameter, JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.Number => parameter.Takes("number") || (parameter.Takes("integer") && json.TryGetInt64(out _)),
        JsonValueKind.True or JsonValueKind.False => parameter.Takes("boolean"),
        JsonValueKind.Array => parameter.Takes("array"),
        JsonValueKind.Object => parameter.Takes("object"),
        _ => false,
    };

    private static JsonValue? Node(object? scalar) => scalar switch
    {
        string text => JsonValue.Create(text),
        long integer => JsonValue.Create(integer),
        double number => JsonValue.Create(number),
        bool truth => JsonValue.Create(truth),
        _ => null,
    };

    private string Text(object value) => value is FrameNode node ? Text(node) : ResultText.Of(value);

    /// <summary>
    /// A slot's words, with what the speaker said between those of a nested frame. One that does something rather than ask is named too, since
    /// its parse has dropped the words that said so.
    /// </summary>
    private string Text(FrameNode slot)
    {
        var actions = new List<string>();
        var runs = new List<List<string>>();
        Collect(slot);
        return string.Join(' ', runs.Count > 0 ? actions.Append(utterance.Of(runs)) : actions);

        void Collect(FrameNode node)
        {
            List<string>? run = null;
            foreach (var child in node.Children)
            {
                if (child.Kind == FrameNodeKind.Word)
                {
                    if (run is null)
                    {
                        runs.Add(run = []);
                    }

                    run.Add(child.Text);
                    continue;
                }

                run = null;
                if (child.Kind == FrameNodeKind.Intent && !FrameCalls.AsksForValue(child) && !HoldsWord(child))
                {
                    actions.Add(Names.Spoken(child));
                }

                Collect(child);
            }
        }

        static bool HoldsWord(FrameNode intent) => intent.Children.Any(static child => child.Kind == FrameNodeKind.Word);
    }
}
