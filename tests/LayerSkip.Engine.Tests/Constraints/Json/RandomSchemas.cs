using System.Globalization;
using System.Text.Json.Nodes;

namespace LayerSkip.Engine.Tests.Constraints.Json;

/// <summary>Random JSON schemas of every keyword that is understood, most of them satisfiable.</summary>
internal sealed class RandomSchemas(Random random)
{
    private static readonly string[] s_names = ["id", "name", "ünïcode", "a b", "quo\"te", "tags", "x", "long_property_name", "next", "$type"];
    private static readonly string[] s_formats = ["date", "time-span", "date-time", "uuid", "email", "uri", "ipv4", "ipv6", "duration", "of-our-own"];

    private static readonly string[] s_patterns =
    [
        "^[a-z]{2,5}$", "^-?(\\d+\\.)?\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,7})?$", "^(red|green|blue)?$", "foo", "^\\w+@\\w+$", "[^\\s\"]+", "^[A-Z]{3}-\\d+$|^none$", "^(?:\\\\|/)+é*$",
    ];

    private static readonly JsonNode?[] s_values = [null, true, 17, -0.5, "text", "quo\"te\\ \n", new JsonArray(1, "two"), new JsonObject { ["k"] = new JsonArray() }];

    public JsonNode Next() => Schema(3, isRoot: true);

    private JsonNode Schema(int depth, bool isRoot = false)
    {
        switch (random.Next(depth > 0 ? 16 : 9))
        {
            case 0:
                return new JsonObject { ["enum"] = new JsonArray([.. s_values.Where(_ => random.Next(2) == 0).Append(42).Select(value => value?.DeepClone())]) };
            case 1:
                return new JsonObject { ["const"] = s_values[random.Next(s_values.Length)]?.DeepClone() };
            case 2 or 3:
                return String();
            case 4:
                return Number("integer");
            case 5:
                return Number("number");
            case 6:
                return new JsonObject { ["type"] = random.Next(2) == 0 ? "boolean" : "null", ["description"] = "simple", ["x-unknown"] = new JsonObject() };
            case 7:
                return new JsonObject { ["type"] = new JsonArray("integer", "null", "boolean"), ["maximum"] = 100, ["title"] = "mixed" };
            case 8:
                return isRoot ? Object(depth) : random.Next(3) == 0 ? JsonValue.Create(true) : new JsonObject();
            case 9 or 10:
                return Array(depth);
            case 11:
                return new JsonObject { ["anyOf"] = new JsonArray([.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => Schema(depth - 1))]) };
            case 12:
                return new JsonObject { ["oneOf"] = new JsonArray(new JsonObject { ["type"] = "string", ["maxLength"] = 4 }, Number("integer"), new JsonObject { ["type"] = "null" }) };
            case 13:
                return new JsonObject { ["type"] = "object", ["allOf"] = new JsonArray(Object(depth), new JsonObject { ["required"] = new JsonArray("id"), ["properties"] = new JsonObject { ["id"] = new JsonObject { ["type"] = "integer", ["minimum"] = 3 } } }) };
            default:
                return Object(depth);
        }
    }

    private JsonObject String()
    {
        var schema = new JsonObject { ["type"] = "string" };
        switch (random.Next(5))
        {
            case 0:
                schema["minLength"] = random.Next(5);
                schema["maxLength"] = random.Next(5, 12);
                break;
            case 1:
                schema["pattern"] = s_patterns[random.Next(s_patterns.Length)];
                break;
            case 2:
                schema["format"] = s_formats[random.Next(s_formats.Length)];
                break;
            case 3:
                schema["not"] = new JsonObject { ["enum"] = new JsonArray("", "a", "b", "quo\"te") };
                break;
        }

        return schema;
    }

    private JsonObject Number(string type)
    {
        var schema = new JsonObject { ["type"] = type };
        var low = type == "integer" ? random.Next(-1500, 1500) : Math.Round((random.NextDouble() - 0.5) * 200, 3);
        var width = type == "integer" ? random.Next(0, 3000) : Math.Round(random.NextDouble() * (random.Next(2) == 0 ? 2 : 300), 2);
        if (random.Next(3) > 0)
        {
            schema[random.Next(4) == 0 ? "exclusiveMinimum" : "minimum"] = Exact(low);
        }

        if (random.Next(3) > 0)
        {
            schema[random.Next(4) == 0 ? "exclusiveMaximum" : "maximum"] = Exact(low + width + 2);
        }

        return schema;

        static JsonNode Exact(double value) => JsonNode.Parse(value.ToString("0.#####", CultureInfo.InvariantCulture))!;
    }

    private JsonObject Array(int depth)
    {
        var schema = new JsonObject { ["type"] = "array" };
        if (random.Next(4) > 0)
        {
            schema["items"] = Schema(depth - 1);
        }

        if (random.Next(4) == 0)
        {
            schema["prefixItems"] = new JsonArray(Schema(depth - 1), Schema(0));
        }

        if (random.Next(2) == 0)
        {
            schema["minItems"] = random.Next(3);
            schema["maxItems"] = random.Next(3, 5);
        }

        return schema;
    }

    private JsonObject Object(int depth)
    {
        var schema = new JsonObject { ["type"] = "object" };
        var names = s_names.Where(_ => random.Next(3) == 0).ToArray();
        if (names.Length > 0 || random.Next(2) == 0)
        {
            schema["properties"] = new JsonObject(names.Select(name => KeyValuePair.Create(name, (JsonNode?)Property(name, depth))));
            schema["required"] = new JsonArray([.. names.Where(name => name != "next" && random.Next(2) == 0).Select(name => (JsonNode)name)]);
        }

        switch (random.Next(4))
        {
            case 0:
                schema["additionalProperties"] = false;
                break;
            case 1:
                schema["additionalProperties"] = Schema(depth - 1);
                schema["maxProperties"] = names.Length + 2;
                break;
            case 2 when names.Length > 0:
                schema["minProperties"] = 1;
                break;
        }

        return schema;
    }

    // Now and then a property is the whole schema once more.
    private JsonNode Property(string name, int depth) =>
        name == "next" ? new JsonObject { ["anyOf"] = new JsonArray(new JsonObject { ["$ref"] = "#" }, new JsonObject { ["type"] = "null" }) } : Schema(depth - 1);
}
