using System.Text.Json;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Requests;
using LayerSkip.Engine;
using LayerSkip.Engine.Decoding;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace LayerSkip.AI.Tests.Requests;

public sealed class ChatRequestReaderTests(ChatRequestReaderTests.Parser parser) : IClassFixture<ChatRequestReaderTests.Parser>
{
    private readonly LogRecorder<LayerSkipChatClient> _log = new();

    public sealed class Parser : IDisposable
    {
        public LayerSkipModel Model { get; } = LayerSkipModel.Load(TestModels.ParserPath);

        public void Dispose() => Model.Dispose();
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("topv2-parser")]
    public void Own_model_id_is_served(string? id) => Read(new ChatOptions { ModelId = id });

    [Fact]
    public void What_cannot_be_ignored_throws_whatever_the_policy()
    {
        Assert.Contains("gpt-9", Assert.Throws<InvalidOperationException>(() => Read(new ChatOptions { ModelId = "gpt-9" })).Message);
        Assert.Contains("c-1", Assert.Throws<NotSupportedException>(() => Read(new ChatOptions { ConversationId = "c-1" })).Message);
        Assert.Throws<NotSupportedException>(() => Read(new ChatOptions { ContinuationToken = ResponseContinuationToken.FromBytes(new byte[] { 1 }) }));
    }

    public static TheoryData<string, ChatOptions> Unsupported => new()
    {
        { "Tools", new ChatOptions { Tools = [new Tool()] } },
        { "Reasoning", new ChatOptions { Reasoning = new ReasoningOptions { Effort = ReasoningEffort.High } } },
        { "ResponseFormat", new ChatOptions { ResponseFormat = ChatResponseFormat.ForJsonSchema(JsonElement.Parse("""{"type":"number","multipleOf":3}""")) } },
    };

    [Theory]
    [InlineData("exitLayer", "exit_layer")]
    [InlineData("EXIT-LAYERS", "exit_layer")]
    [InlineData("numSpeculation", "num_speculations")]
    [InlineData("DecodingMode", "decoding_mode")]
    [InlineData("log_probs", "logprobs")]
    [InlineData("MinP", "min_p")]
    public void Settings_that_are_misspelt_follow_the_policy(string key, string meant)
    {
        var options = new ChatOptions { AdditionalProperties = new() { [key] = 2 } };

        Read(options, UnsupportedOptionBehavior.Warn);

        Assert.Contains($"ChatOptions.AdditionalProperties[\"{key}\"] (did you mean \"{meant}\"?)", Assert.Single(_log.Entries).Text);
        Assert.Throws<NotSupportedException>(() => Read(options, UnsupportedOptionBehavior.Throw));
    }

    [Fact]
    public void Settings_and_the_properties_of_others_are_no_misspelt_settings()
    {
        var options = new ChatOptions { AdditionalProperties = new() { ["layer"] = 1, ["exit"] = 1, [""] = 1, [new string('s', 1 << 20)] = 1, ["max_tokens"] = 4 } };
        options.WithExitLayer(2).WithNumSpeculations(3).WithDecodingMode(DecodingMode.SelfSpeculative).WithDraftController(DraftController.Confidence, 0.5f)
            .WithDraftSource(DraftSource.Exit).WithDraftWeights(DraftWeights.Int8).WithMinP(0.1f).WithPrefixScope("x").WithLogProbabilities(1).WithTemplateVariables(new Dictionary<string, object?>());

        Read(options, UnsupportedOptionBehavior.Throw);
        Read(new ChatOptions { AdditionalProperties = new() { ["Exit_Layer"] = 2 } }, UnsupportedOptionBehavior.Throw);
    }

    [Fact]
    public void Tools_and_response_formats_that_fill_the_context_are_named_as_what_fills_it()
    {
        ChatOptions options = new() { Tools = [.. Enumerable.Range(0, 20).Select(i => Function($"function_{i}"))] };
        var error = Assert.Throws<PromptTooLongException>(() => Read(options)).Message;
        var counts = System.Text.RegularExpressions.Regex.Match(error, @"The conversation has (\d+) tokens \((\d+) of them to describe 20 of ChatOptions\.Tools\), expected fewer than the model's context of 256");
        Assert.True(counts.Success, error);
        Assert.InRange(int.Parse(counts.Groups[1].Value) - int.Parse(counts.Groups[2].Value), 3, 12);

        options = new() { ResponseFormat = ChatResponseFormat.ForJsonSchema(JsonElement.Parse($$"""{"enum":["{{new string('x', 1000)}}"]}""")) };
        Assert.Matches(@"tokens \(\d+ to describe ChatOptions\.ResponseFormat\), expected", Assert.Throws<PromptTooLongException>(() => Read(options)).Message);

        Assert.Contains("tokens, expected fewer", Assert.Throws<PromptTooLongException>(() => Read(Reader(), TestModels.User(new string('x', 2000)))).Message);
    }

    [Theory]
    [MemberData(nameof(Unsupported))]
    public void Unsupported_options_follow_the_policy(string name, ChatOptions options)
    {
        Read(options, UnsupportedOptionBehavior.Ignore);
        Assert.Empty(_log.Entries);

        var warning = Reader(UnsupportedOptionBehavior.Warn);
        Read(warning, TestModels.User("x"), options);
        Read(warning, TestModels.User("x"), options);
        var entry = Assert.Single(_log.Entries);
        Assert.Equal(LogLevel.Warning, entry.Level);
        Assert.Contains("ChatOptions." + name, entry.Text);

        Assert.Contains(name, Assert.Throws<NotSupportedException>(() => Read(options, UnsupportedOptionBehavior.Throw)).Message);
    }

    [Fact]
    public void What_changes_nothing_is_served_whatever_the_policy() => Read(
        new ChatOptions
        {
            ResponseFormat = ChatResponseFormat.Text,
            Tools = [AIFunctionFactory.Create(() => 1, "one")],
            ToolMode = ChatToolMode.None,
            AllowMultipleToolCalls = false,
            AllowBackgroundResponses = true,
            AdditionalProperties = new() { ["stream_options"] = "x" },
            RawRepresentationFactory = _ => "another provider's",
        },
        UnsupportedOptionBehavior.Throw);

    [Fact]
    public void Unread_contents_follow_the_policy()
    {
        ChatMessage[] messages = [new(ChatRole.User, [new TextContent("x"), new HostedFileContent("file")])];

        Read(Reader(UnsupportedOptionBehavior.Warn), messages);
        Assert.Contains("HostedFileContent", Assert.Single(_log.Entries).Text);
        Assert.Throws<NotSupportedException>(() => Read(Reader(UnsupportedOptionBehavior.Throw), messages));
    }

    [Fact]
    public void Data_in_a_tools_result_follows_the_policy()
    {
        var image = new DataContent(new byte[] { 1 }, "image/png");
        ChatMessage[] messages =
        [
            new(ChatRole.User, "x"), new(ChatRole.Assistant, [new FunctionCallContent("1", "look")]), new(ChatRole.Tool, [new FunctionResultContent("1", image)]),
        ];

        Read(Reader(UnsupportedOptionBehavior.Warn), messages);
        Assert.Contains("FunctionResultContent with data of the media type 'image/png'", Assert.Single(_log.Entries).Text);
        Assert.Throws<NotSupportedException>(() => Read(Reader(UnsupportedOptionBehavior.Throw), messages));
    }

    [Theory]
    [InlineData(ReasoningEffort.None, true)]
    [InlineData(ReasoningEffort.Low, false)]
    public void No_reasoning_is_what_a_model_without_it_does(ReasoningEffort effort, bool served)
    {
        var options = new ChatOptions { Reasoning = new() { Effort = effort } };
        var error = Record.Exception(() => Read(options, UnsupportedOptionBehavior.Throw));
        Assert.Equal(served ? null : typeof(NotSupportedException), error?.GetType());
    }

    public static TheoryData<ChatOptions, string> WrongTools => new()
    {
        { new ChatOptions { ToolMode = ChatToolMode.RequireAny }, "holds no function" },
        { new ChatOptions { ToolMode = ChatToolMode.RequireAny, Tools = [new Tool()] }, "holds no function" },
        { new ChatOptions { ToolMode = ChatToolMode.RequireSpecific("f"), Tools = [Function("g")] }, "'f', expected one of ChatOptions.Tools: 'g'" },
        { new ChatOptions { Tools = [Function("f"), Function("f")] }, "two tools named 'f'" },
        { new ChatOptions { Tools = [null!] }, "holds a null" },
        { new ChatOptions { Tools = [Function(new string('f', 1 << 20))] }, "has 1048576 characters" },
    };

    [Theory]
    [MemberData(nameof(WrongTools))]
    public void Tools_that_cannot_be_called_as_asked_are_refused(ChatOptions options, string expected) =>
        Assert.Contains(expected, Assert.Throws<ArgumentException>(() => Read(options)).Message);

    public static TheoryData<ChatOptions, string> OutOfRange => new()
    {
        { new ChatOptions { Temperature = -0.1f }, "Temperature" },
        { new ChatOptions { Temperature = float.NaN }, "Temperature" },
        { new ChatOptions { TopK = -1 }, "TopK" },
        { new ChatOptions { TopP = 1.1f }, "TopP" },
        { new ChatOptions { TopP = -0.1f }, "TopP" },
        { new ChatOptions { MaxOutputTokens = 0 }, "MaxOutputTokens" },
        { new ChatOptions { StopSequences = [""] }, "StopSequences" },
        { new ChatOptions().WithExitLayer(0), "ExitLayer" },
        { new ChatOptions().WithExitLayer(13), "ExitLayer" },
        { new ChatOptions().WithExitLayer(12).WithDraftWeights(DraftWeights.Exact), "ExitLayer" },
        { new ChatOptions().WithNumSpeculations(0), "NumSpeculations" },
        { new ChatOptions().WithNumSpeculations(65), "NumSpeculations" },
    };

    [Theory]
    [MemberData(nameof(OutOfRange))]
    public void Values_out_of_range_are_refused_by_name(ChatOptions options, string name) =>
        Assert.Contains(name, Assert.ThrowsAny<ArgumentException>(() => Read(options)).Message);

    [Fact]
    public void Native_factory_is_called_with_the_client()
    {
        IChatClient? asked = null;
        using var client = NoClient();
        var settings = Reader().Check(client, new ChatOptions
        {
            RawRepresentationFactory = it =>
            {
                asked = it;
                return new DecodingOptions { MaxNewTokens = 3 };
            },
        });

        Assert.Same(client, asked);
        Assert.Equal(3, settings.Decoding.MaxNewTokens);
    }

    [Fact]
    public void Stop_sequences_that_spell_special_tokens_become_ids()
    {
        var request = Read(Reader(), TestModels.User("x"), new ChatOptions { StopSequences = ["<|user|>", "stop", " ]"] });

        Assert.Equal(["stop", " ]"], request.StopSequences);
        Assert.Equal([2301], request.Decoding.StopTokenIds);
    }

    private void Read(ChatOptions options, UnsupportedOptionBehavior behavior = UnsupportedOptionBehavior.Ignore) =>
        Read(Reader(behavior), TestModels.User("x"), options);

    private static ChatRequest Read(ChatRequestReader reader, ChatMessage[] messages, ChatOptions? options = null) =>
        reader.Read(reader.Check(NoClient(), options), messages, CancellationToken.None);

    private ChatRequestReader Reader(UnsupportedOptionBehavior behavior = UnsupportedOptionBehavior.Ignore) =>
        new(parser.Model, ChatTemplate.LoadFrom(TestModels.ParserPath)!, new LayerSkipOptions { UnsupportedOptions = behavior }, _log);

    private static Unasked NoClient() => new();

    private static AIFunction Function(string name) => AIFunctionFactory.Create(() => 1, name);

    private sealed class Tool : AITool;

    /// <summary>A client that only stands for one.</summary>
    private sealed class Unasked : IChatClient
    {
        public Task<ChatResponse> GetResponseAsync(
            IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
            IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public object? GetService(Type serviceType, object? serviceKey = null) => null;

        public void Dispose()
        {
        }
    }
}
