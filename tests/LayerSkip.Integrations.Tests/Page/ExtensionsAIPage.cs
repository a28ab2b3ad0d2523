using LayerSkip.AI;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Integrations.Tests.ExtensionsAI;
using LayerSkip.Parsing.Grounding;
using LayerSkip.Parsing.Tools;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace LayerSkip.Integrations.Tests.Page;

public class ExtensionsAIPage(Parser parser)
{
    private readonly List<(string Todo, string? When)> _reminders = [];

    [Fact]
    public async Task Registered_pipeline()
    {
        var modelPath = Parser.ModelPath;
        var builder = Host.CreateApplicationBuilder();
        builder.Services.AddLayerSkipChatClient(options => options.ModelPath = modelPath);
        builder.Services.AddDistributedMemoryCache();
        builder.Services.AddChatClient(services => services.GetRequiredService<LayerSkipChatClient>())
            .UseLogging()
            .UseOpenTelemetry(sourceName: "MyApplication")
            .UseFunctionInvocation()
            .UseDistributedCache();

        using var host = builder.Build();
        await host.StartAsync();
        var client = host.Services.GetRequiredService<IChatClient>();
        Assert.NotNull(client.GetService<FunctionInvokingChatClient>());
        var first = await client.GetResponseAsync(Parser.Utterance);
        var second = await client.GetResponseAsync(Parser.Utterance);
        Assert.Equal((Parser.Frame, first.ResponseId), (second.Text, second.ResponseId));
        await host.StopAsync();
    }

    [Fact]
    public async Task Built_pipeline()
    {
        var modelPath = Parser.ModelPath;
        IDistributedCache cache = MiddlewareTests.MemoryCache();
        using IChatClient client = LayerSkipChatClient.Load(modelPath)
            .AsBuilder()
            .UseDistributedCache(cache)
            .Build();

        var options = new ChatOptions().WithExitLayer(2); // another exit layer is another key
        var response = await client.GetResponseAsync("remind me to call mom at 5 pm", options);

        Assert.Equal(Parser.Frame, response.Text);
    }

    [Fact]
    public async Task Tools()
    {
        var modelPath = Parser.ModelPath;

        using IChatClient agent = LayerSkipChatClient.Load(modelPath)
            .AsBuilder()
            .UseFunctionInvocation()
            .Use(parser => new FrameToolCallingChatClient(parser)) // for the parser only
            .Use(parser => new GroundedFrameChatClient(parser))    // no frame has a word that was not said
            .Build();

        var options = new ChatOptions { Tools = [AIFunctionFactory.Create(CreateReminder)] };
        var response = await agent.GetResponseAsync("remind me to call mom at 5 pm", options);
        Console.WriteLine(response.Messages[^1].Text); // what the tool said

        Assert.Equal("I will remind you to call mom.", response.Messages[^1].Text);
        Assert.Equal([("call mom", "at 5 pm")], _reminders);
    }

    [Fact]
    public async Task Labels_of_your_own()
    {
        IChatClient client = parser.Client;
        foreach (var (utterance, intent) in ((string, string)[])[(Parser.Utterance, "[IN:CREATE_REMINDER"), ("wake me at 7", "[IN:CREATE_ALARM")])
        {
            var tokenizer = client.GetRequiredService<Tokenizer>();
            string[] labels = ["IN:CREATE_REMINDER", "IN:CREATE_ALARM", "IN:UNSUPPORTED_ALARM"]; // no slot is named: any
            var options = new ChatOptions
            {
                RawRepresentationFactory = _ => new DecodingOptions { Constraint = GroundedFrames.Constrain(utterance, tokenizer, labels) },
            };
            Assert.StartsWith(intent, (await client.GetResponseAsync(utterance, options)).Text.Trim(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Long_conversations()
    {
        var modelPath = Parser.ModelPath;
        var model = LayerSkipChatClient.Load(modelPath);
        using IChatClient client = model.AsBuilder()
            .UseChatReducer(new TokenBudgetChatReducer(model, maxTokens: 100))
            .Build();

        var messages = Enumerable.Range(0, 100).SelectMany(turn => new[] { new ChatMessage(ChatRole.User, "hello " + turn), new ChatMessage(ChatRole.Assistant, "hello") });
        var response = await client.GetResponseAsync([.. messages, new(ChatRole.User, Parser.Utterance)]);
        Assert.InRange(response.Usage!.InputTokenCount!.Value, 20, 100);
    }

    [Fact]
    public async Task Embeddings()
    {
        var modelPath = Parser.ModelPath;
        var builder = Host.CreateApplicationBuilder();
        builder.Services.AddLayerSkipChatClient(options => options.ModelPath = modelPath);
        builder.Services.AddDistributedMemoryCache();
        builder.Services.AddLayerSkipEmbeddingGenerator();
        builder.Services.AddEmbeddingGenerator(services => services.GetRequiredService<LayerSkipEmbeddingGenerator>())
            .UseDistributedCache()
            .UseOpenTelemetry();
        using var host = builder.Build();

        var generator = host.Services.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>(); // the container's, as is its disposal
        var embeddings = await generator.GenerateAsync(["wake me up at 7", "any concerts this weekend"]);

        var again = await generator.GenerateAsync(["wake me up at 7"]);
        Assert.Equal(embeddings[0].Vector, again[0].Vector);
        Assert.Equal("topv2-parser", generator.GetService<EmbeddingGeneratorMetadata>()!.DefaultModelId);
    }

    [Fact]
    public async Task Structured_output()
    {
        IChatClient client = parser.Client;
        var response = await client.GetResponseAsync<Reminder>("remind me to call mom at 5 pm", new ChatOptions { MaxOutputTokens = 100 });
        Console.WriteLine(response.Result.Todo);

        Assert.NotNull(response.Result.Todo);
    }

    private sealed record Reminder(string Todo, string? When);

    private string CreateReminder(string todo, string? dateTime = null)
    {
        _reminders.Add((todo, dateTime));
        return $"I will remind you to {todo}.";
    }
}
