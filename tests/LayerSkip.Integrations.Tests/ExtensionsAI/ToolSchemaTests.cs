using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using LayerSkip.AI;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Tests;
using Microsoft.Extensions.AI;

namespace LayerSkip.Integrations.Tests.ExtensionsAI;

/// <summary>
/// Tools of every kind of parameter that .NET functions and MCP servers have: their schemas are accepted, and what a required call holds can be
/// handed to them, even by a model of random weights.
/// </summary>
public sealed class ToolSchemaTests : IDisposable
{
    private static readonly string[] s_schemas =
    [
        """{"type":"object"}""",
        """{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{"q":{"type":"string","minLength":1}},"required":["q"],"additionalProperties":false}""",
        """{"type":"object","properties":{"a":{"$ref":"#/definitions/x"}},"definitions":{"x":{"type":"integer","minimum":3}},"required":["a"]}""",
        """{"type":"object","properties":{"a":true,"b":{}},"required":["a","b"]}""",
        """{"type":"object","properties":{"a":{"type":"string","x-unknown":{"deep":[1]},"format":"no-such-format"}},"required":["a"]}""",
        """{"type":"object","properties":{"a":{"oneOf":[{"type":"string"},{"type":"null"}]},"b":{"allOf":[{"type":"integer"},{"minimum":0}]}},"required":["a","b"]}""",
    ];

    private static readonly List<AIFunctionDeclaration> s_tools =
    [
        AIFunctionFactory.Create(() => 1, "nothing"),
        AIFunctionFactory.Create((string text) => text, "text"),
        AIFunctionFactory.Create((string? text = "default") => text, "text_default"),
        AIFunctionFactory.Create((bool yes) => yes, "truth"),
        AIFunctionFactory.Create(([Range(0, 255)] byte number) => number, "byte_range"),
        AIFunctionFactory.Create(([Range(-1000, 1000)] int number) => number, "int_range"),
        AIFunctionFactory.Create(([Range(1, 10)] int? number) => number, "int_nullable"),
        AIFunctionFactory.Create((long number) => number, "long_any"),
        AIFunctionFactory.Create((double number) => number, "double_any"),
        AIFunctionFactory.Create((float number) => number, "float_any"),
        AIFunctionFactory.Create((decimal number) => number, "decimal_any"),
        AIFunctionFactory.Create((DateTime time) => time, "date_time"),
        AIFunctionFactory.Create((DateTimeOffset time) => time, "date_time_offset"),
        AIFunctionFactory.Create((DateOnly date) => date, "date_only"),
        AIFunctionFactory.Create((TimeSpan time) => time, "time_span"),
        AIFunctionFactory.Create((Guid id) => id, "guid"),
        AIFunctionFactory.Create((Uri address) => address, "uri"),
        AIFunctionFactory.Create((DayOfWeek day) => day, "enum_of_numbers"),
        AIFunctionFactory.Create((StructuredOutputTests.Priority priority) => priority, "enum_of_names"),
        AIFunctionFactory.Create((string[] items) => items, "array"),
        AIFunctionFactory.Create(([MinLength(2), MaxLength(3)] List<bool> items) => items, "array_bounded"),
        AIFunctionFactory.Create((Dictionary<string, bool> map) => map, "map"),
        AIFunctionFactory.Create((JsonElement anything) => anything, "anything"),
        AIFunctionFactory.Create((object anything) => anything, "object_any"),
        AIFunctionFactory.Create((Point point) => point, "record"),
        AIFunctionFactory.Create((Node node) => node, "recursive"),
        AIFunctionFactory.Create((Shape shape) => shape, "polymorphic"),
        AIFunctionFactory.Create(([Description("a \"quoted\" description")] string name, CancellationToken _) => name, "with_description"),
        AIFunctionFactory.Create(([RegularExpression("^[A-Z]{2}[0-9]+$")] string code) => code, "pattern"),
        AIFunctionFactory.Create(([StringLength(5, MinimumLength = 2)] string code, [AllowedValues("a", "b")] string choice) => code + choice, "string_bounded"),
        .. s_schemas.Index().Select(static schema => AIFunctionFactory.CreateDeclaration($"mcp_{schema.Index}", null, JsonElement.Parse(schema.Item))),
    ];

    private readonly TinyCheckpoint _checkpoint = TinyCheckpoint.Write(TinyCheckpoint.DefaultConfig with { VocabularySize = 2400, MaxPositions = 20_000 });
    private readonly LayerSkipChatClient _client;

    public ToolSchemaTests()
    {
        File.Copy(Path.Combine(Parser.ModelPath, "tokenizer.json"), _checkpoint.PathOf("tokenizer.json"));
        _client = LayerSkipChatClient.Load(_checkpoint.Directory);
    }

    public void Dispose()
    {
        _client.Dispose();
        _checkpoint.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task All_schemas_are_accepted_at_once(bool strict)
    {
        var options = new ChatOptions
        {
            Tools = [.. s_tools],
            MaxOutputTokens = 40,
            AdditionalProperties = new() { ["strict"] = strict, ["strictJsonSchema"] = strict },
        };

        Assert.NotEmpty((await _client.GetResponseAsync("Say something.", options)).Messages);
        options.ToolMode = ChatToolMode.RequireAny;
        options.MaxOutputTokens = 400;
        Assert.Contains((await _client.GetResponseAsync("Call something.", options)).Messages[0].Contents, static content => content is FunctionCallContent);
    }

    [Fact]
    public async Task A_required_call_of_random_weights_can_be_carried_out()
    {
        foreach (var tool in s_tools)
        {
            var options = new ChatOptions
            {
                Tools = [tool], ToolMode = ChatToolMode.RequireSpecific(tool.Name), AllowMultipleToolCalls = false, MaxOutputTokens = 300,
            };

            var response = await _client.GetResponseAsync("Go on.", options);

            var call = Written(response);
            Assert.Equal(tool.Name, call.Name);
            Assert.Null(call.Exception);
            if (tool is AIFunction function)
            {
                await function.InvokeAsync(new AIFunctionArguments(call.Arguments!));
            }
        }
    }

    /// <summary>The call that an answer holds, or tells as text where it had to be shortened for the limit and is not to be made: it is of the schema either way.</summary>
    private static FunctionCallContent Written(ChatResponse response)
    {
        var calls = response.Messages.SelectMany(static message => message.Contents).OfType<FunctionCallContent>().ToList();
        if (response.FinishReason == ChatFinishReason.ToolCalls)
        {
            return Assert.Single(calls);
        }

        Assert.Equal(ChatFinishReason.Length, response.FinishReason);
        Assert.Empty(calls);
        var json = JsonElement.Parse(response.Text[response.Text.IndexOf('{')..(response.Text.LastIndexOf('}') + 1)]);
        return new FunctionCallContent("", json.GetProperty("name").GetString()!, json.GetProperty("arguments").EnumerateObject()
            .ToDictionary(static argument => argument.Name, static argument => (object?)argument.Value));
    }

    internal sealed record Point([Range(0, 10)] int X, [Range(0, 10)] int Y, string? Label = null);

    internal sealed record Node(string Name, Node? Next, List<Node>? Children);

    [System.Text.Json.Serialization.JsonDerivedType(typeof(Circle), "circle")]
    [System.Text.Json.Serialization.JsonDerivedType(typeof(Square), "square")]
    internal abstract record Shape;

    internal sealed record Circle(double Radius) : Shape;

    internal sealed record Square(double Side) : Shape;
}
