using System.Text.Json;
using System.Text.Json.Nodes;
using Json.Schema;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Tools;
using LayerSkip.Engine;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Scheduling;
using LayerSkip.Tests;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Tests.Tools;

/// <summary>Whatever the model wants to write, its calls are calls of the tools that it was given.</summary>
public sealed class ConstrainedToolCallTests(ConstrainedToolCallTests.Untrained untrained) : IClassFixture<ConstrainedToolCallTests.Untrained>
{
    private static readonly AIFunction s_weather = AIFunctionFactory.Create((string city, int days) => 1, "get_weather");
    private static readonly AIFunction s_light = AIFunctionFactory.Create((bool on) => 1, "switch_light");

    public sealed class Untrained : IDisposable
    {
        private readonly TinyCheckpoint _checkpoint = TestModels.WriteEndless(maxPositions: 20_000);

        public Untrained() => Client = LayerSkipChatClient.Load(_checkpoint.Directory);

        public LayerSkipChatClient Client { get; }

        public void Dispose()
        {
            Client.Dispose();
            _checkpoint.Dispose();
        }
    }

    public static TheoryData<ToolCallFormat> Formats => [.. Enum.GetValues<ToolCallFormat>()];

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task Required_call_is_made_whatever_the_model_wants(ToolCallFormat format)
    {
        string[] answers = ["I had rather not.", "", "<tool_call>", "{\"name\": \"unknown\"}", "{\"name\": \"switch_light\", \"parameters\": {\"on\": 5}}"];
        using var client = Client(format, answers);
        foreach (var _ in answers)
        {
            var response = await client.GetResponseAsync("?", Options(ChatToolMode.RequireAny));

            Assert.NotEmpty(Calls(response));
            Assert.All(Calls(response), AssertValid);
            Assert.Equal(string.Empty, response.Text);
            Assert.Equal(ChatFinishReason.ToolCalls, response.FinishReason);
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task Required_function_is_the_one_that_is_called(ToolCallFormat format)
    {
        using var client = Client(format, Written(format, "get_weather", """{"city": "Rome", "days": 2}"""), Written(format, "get_weather", """{"city": "Rome", "days": 2}"""));

        Assert.All(Calls(await client.GetResponseAsync("?", Options(ChatToolMode.RequireSpecific("switch_light")))), call => Assert.Equal("switch_light", call.Name));
        var weather = Assert.Single(Calls(await client.GetResponseAsync("?", Options(ChatToolMode.RequireSpecific("get_weather")))));
        Assert.Equal(("Rome", 2), (weather.Arguments!["city"]!.ToString(), ((JsonElement)weather.Arguments["days"]!).GetInt32()));
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task Call_that_the_model_begins_itself_has_valid_arguments(ToolCallFormat format)
    {
        string[] arguments = ["""{"city": 5, "days": "many"}""", "{}", """{"days": 3, "city": "Rome"}""", """{"city": "Rome", "days": 1, "bogus": true}""", "[]", "null"];
        using var client = Client(format, [.. arguments.Select(written => Written(format, "get_weather", written))]);
        foreach (var _ in arguments)
        {
            var calls = Calls(await client.GetResponseAsync("?", Options()));

            Assert.NotEmpty(calls);
            Assert.All(calls, AssertValid);
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task Answer_without_a_call_is_what_the_model_writes(ToolCallFormat format)
    {
        string[] answers = ["It is <b>sunny</b> {today}.", "{\"temperature\": 21}", "{\"name\": \"Ann\", \"age\": 7}", "  1 < 2\n", ""];
        using var client = Client(format, answers);
        foreach (var answer in answers)
        {
            var response = await client.GetResponseAsync("?", Options());

            Assert.Equal(answer, response.Text);
            Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task Tool_mode_none_keeps_the_model_from_calling(ToolCallFormat format)
    {
        using var client = Client(format, "Well. " + Written(format, "switch_light", """{"on": true}"""), Written(format, "switch_light", """{"on": true}"""));
        for (var i = 0; i < 2; i++)
        {
            var response = await client.GetResponseAsync("?", Options(ChatToolMode.None, maxTokens: 200));

            Assert.Empty(Calls(response));
            Assert.DoesNotContain(ToolCallSyntax.Of(format).Opening ?? Written(format, "switch_light", ""), response.Text, StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task Answer_is_a_call_or_of_the_response_format_where_both_are_given(ToolCallFormat format)
    {
        using var client = Client(format, "{\"sum\": 4}", Written(format, "switch_light", """{"on": true}"""), "Neither.");
        var options = Options();
        options.ResponseFormat = ChatResponseFormat.ForJsonSchema(JsonElement.Parse(
            """{"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"], "additionalProperties": false}"""));

        Assert.Equal(4, JsonElement.Parse((await client.GetResponseAsync("?", options)).Text).GetProperty("sum").GetInt32());
        Assert.Equal("switch_light", Assert.Single(Calls(await client.GetResponseAsync("?", options))).Name);
        var last = await client.GetResponseAsync("?", options);
        Assert.True(Calls(last).Count > 0 || JsonElement.Parse(last.Text).TryGetProperty("sum", out _));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Only_call_that_may_be_made_ends_the_answer(bool multiple)
    {
        using var client = Client(ToolCallFormat.Hermes, Written(ToolCallFormat.Hermes, "switch_light", """{"on": true}""") + "\n" + Written(ToolCallFormat.Hermes, "switch_light", """{"on": false}"""));
        var options = Options(ChatToolMode.RequireAny);
        options.AllowMultipleToolCalls = multiple;

        Assert.Equal(multiple ? 2 : 1, Calls(await client.GetResponseAsync("?", options)).Count);
    }

    [Fact]
    public void There_are_29_schemas() => Assert.Equal(29, ToolSchemas.All.Count);

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task AvailableTools_SchemasAreAccepted(ToolCallFormat format)
    {
        using var client = Client(format, "Fine.");
        var response = await client.GetResponseAsync("?", new ChatOptions { Tools = [.. ToolSchemas.All] });

        Assert.Equal("Fine.", response.Text);
    }

    [Fact]
    public async Task Untrained_models_call_every_tool_with_arguments_of_its_schema()
    {
        foreach (var (seed, tool) in ToolSchemas.All.Index())
        {
            var options = new ChatOptions
            {
                Tools = [.. ToolSchemas.All],
                ToolMode = ChatToolMode.RequireSpecific(tool.Name),
                AllowMultipleToolCalls = false,
                Temperature = 1,
                Seed = seed,
                MaxOutputTokens = 400,
            };
            var call = Written(await untrained.Client.GetResponseAsync("?", options));

            Assert.Equal(tool.Name, call.Name);
            AssertValid(call, tool);
        }
    }

    [Fact]
    public async Task Greedy_calls_are_the_same_with_and_without_speculation()
    {
        for (var number = 0; number < 5; number++)
        {
            var texts = new List<string>();
            foreach (var mode in (DecodingMode[])[DecodingMode.Autoregressive, DecodingMode.SelfSpeculative])
            {
                var options = Options(ChatToolMode.RequireAny, maxTokens: 120).WithDecodingMode(mode).WithExitLayer(2);
                options.Temperature = 0;
                var response = await untrained.Client.GetResponseAsync("number " + number, options);
                texts.Add(string.Join('|', [response.Text, .. Calls(response).Select(call => call.Name + JsonSerializer.Serialize(call.Arguments))]));
            }

            Assert.NotEqual(string.Empty, texts[0]);
            Assert.Equal(texts[0], texts[1]);
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task Call_that_has_to_be_shortened_for_the_limit_is_nobodys_to_make(ToolCallFormat format)
    {
        var city = new string('a', 60);
        var whole = Written(format, "get_weather", $$"""{"city": "{{city}}", "days": 2}""");
        int[] limits = [25, 80, 90, whole.Length - 30, whole.Length - 1, whole.Length, whole.Length + 20];
        using var client = Client(format, [.. limits.Select(_ => whole)]);
        foreach (var limit in limits)
        {
            var response = await client.GetResponseAsync("?", Options(ChatToolMode.RequireAny, limit));

            if (limit >= whole.Length)
            {
                Assert.Equal(city, Assert.Single(Calls(response)).Arguments!["city"]!.ToString());
                Assert.Equal(ChatFinishReason.ToolCalls, response.FinishReason);
            }
            else
            {
                Assert.Empty(Calls(response));
                Assert.Contains("{\"name\"", response.Text, StringComparison.Ordinal);
                Assert.Equal(ChatFinishReason.Length, response.FinishReason);
            }
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Call_before_the_shortened_one_is_made(bool multiple)
    {
        var first = Written(ToolCallFormat.Hermes, "switch_light", """{"on": true}""");
        var second = Written(ToolCallFormat.Hermes, "get_weather", $$"""{"city": "{{new string('a', 60)}}", "days": 2}""");
        string[] answer = multiple ? [first, second] : [second, first];
        using var client = Client(ToolCallFormat.Hermes, string.Join('\n', answer));
        var options = Options(maxTokens: answer[0].Length + (multiple ? answer[1].Length : 0) - 20);
        options.AllowMultipleToolCalls = multiple;
        var response = await client.GetResponseAsync("?", options);

        Assert.Equal(multiple ? ["switch_light"] : [], Calls(response).Select(call => call.Name));
        Assert.Contains("get_weather", response.Text, StringComparison.Ordinal);
        Assert.Equal(ChatFinishReason.Length, response.FinishReason);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Llamas_mark_before_a_call_keeps_it_a_call_of_its_schema(bool hasFormat)
    {
        string[] arguments = ["""{"city": "Rome", "days": 2}""", """{"city": 5, "days": "many"}"""];
        using var client = Client(ToolCallFormat.Llama3Json, [.. arguments.Select(written => "<|python_tag|>" + Written(ToolCallFormat.Llama3Json, "get_weather", written))]);
        var options = Options();
        options.ResponseFormat = hasFormat ? ChatResponseFormat.Json : null;
        foreach (var _ in arguments)
        {
            var response = await client.GetResponseAsync("?", options);

            AssertValid(Assert.Single(Calls(response)));
            Assert.Equal((string.Empty, ChatFinishReason.ToolCalls), (response.Text, response.FinishReason));
        }
    }

    [Fact]
    public async Task Llamas_mark_before_text_is_no_part_of_it()
    {
        using var client = Client(ToolCallFormat.Llama3Json, "<|python_tag|>print(1)");
        var response = await client.GetResponseAsync("?", Options());

        Assert.Equal(("print(1)", ChatFinishReason.Stop), (response.Text, response.FinishReason));
    }

    [Fact]
    public async Task Schema_that_nothing_satisfies_is_refused_by_the_tools_name()
    {
        using var client = Client(ToolCallFormat.Hermes, "?");
        var tool = AIFunctionFactory.CreateDeclaration("hopeless", null, JsonElement.Parse("""{"type": "object", "properties": {"a": false}, "required": ["a"]}"""));

        var error = await Assert.ThrowsAsync<ArgumentException>(() => client.GetResponseAsync("?", new ChatOptions { Tools = [tool] }));
        Assert.Contains("ChatOptions.Tools: the parameters of 'hopeless'", error.Message, StringComparison.Ordinal);
    }

    private static void AssertValid(FunctionCallContent call) => AssertValid(call, call.Name == s_weather.Name ? s_weather : s_light);

    private static void AssertValid(FunctionCallContent call, AIFunctionDeclaration tool)
    {
        Assert.Equal(tool.Name, call.Name);
        Assert.Null(call.Exception);
        var arguments = new JsonObject(call.Arguments!.Select(argument =>
            KeyValuePair.Create(argument.Key, argument.Value is JsonElement element ? JsonNode.Parse(element.GetRawText()) : null)));
        var result = JsonSchema.FromText(tool.JsonSchema.GetRawText()).Evaluate(arguments, new EvaluationOptions { OutputFormat = OutputFormat.List });
        Assert.True(result.IsValid, $"{tool.Name}({arguments.ToJsonString()}) is not of {tool.JsonSchema}");
    }

    private static string Written(ToolCallFormat format, string name, string arguments) => format switch
    {
        ToolCallFormat.Llama3Json => $"{{\"name\": \"{name}\", \"parameters\": {arguments}}}",
        ToolCallFormat.Mistral => $"[TOOL_CALLS] [{{\"name\": \"{name}\", \"arguments\": {arguments}}}]",
        _ => $"<tool_call>\n{{\"name\": \"{name}\", \"arguments\": {arguments}}}\n</tool_call>",
    };

    /// <summary>The call that an answer writes, whether it may be made or had to be shortened.</summary>
    private static FunctionCallContent Written(ChatResponse response) => response.FinishReason == ChatFinishReason.Length
        ? ToolCallParser.Parse(response.Text[response.Text.IndexOf('{')..], "id")!
        : Assert.Single(Calls(response));

    private static ChatOptions Options(ChatToolMode? mode = null, int maxTokens = 2000) =>
        new() { Tools = [s_weather, s_light], ToolMode = mode, MaxOutputTokens = maxTokens };

    private static List<FunctionCallContent> Calls(ChatResponse response) =>
        [.. response.Messages.SelectMany(message => message.Contents).OfType<FunctionCallContent>()];

    private static LayerSkipChatClient Client(ToolCallFormat format, params string[] answers)
    {
        var template = format switch
        {
            ToolCallFormat.Hermes => ToolTemplates.Hermes,
            ToolCallFormat.Llama3Json => ToolTemplates.Llama,
            ToolCallFormat.Mistral => ToolTemplates.Mistral,
            _ => ChatTemplate.Default,
        };
        var model = ScriptedModel.Create(answers, new() { DraftAccuracy = 0.8 });
        return new(new LayerSkipEngine(model, ownsModel: true), template, ownsEngine: true);
    }
}
