using System.ComponentModel;
using LayerSkip.AI;
using LayerSkip.Parsing.Tools;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using Microsoft.SemanticKernel.Services;

namespace LayerSkip.Integrations.Tests.SemanticKernel;

/// <summary>Semantic Kernel above the client: as a chat client and as a chat completion service.</summary>
public class SemanticKernelTests(Parser parser)
{
    [Fact]
    public async Task A_kernel_asks_a_registered_client_and_tells_what_it_cost()
    {
        var builder = Kernel.CreateBuilder();
        builder.Services.AddLayerSkipChatClient(options => options.ModelPath = Parser.ModelPath);
        var kernel = builder.Build();

        var result = await kernel.InvokePromptAsync("remind me to {{$what}} at 5 pm", new() { ["what"] = "call mom" });

        Assert.Equal(Parser.Frame, result.ToString());
        var response = result.GetValue<ChatResponse>()!;
        Assert.Equal("topv2-parser", response.ModelId);
        Assert.True(response.Usage!.OutputTokenCount > 5);
        Assert.True(response.AdditionalProperties!.ContainsKey("acceptance_rate"));
    }

    [Fact]
    public async Task A_kernel_streams()
    {
        var builder = Kernel.CreateBuilder();
        builder.Services.AddSingleton<IChatClient>(parser.Counting());
        var kernel = builder.Build();

        var text = string.Concat(await kernel.InvokePromptStreamingAsync<string>(Parser.Utterance).ToListAsync());

        Assert.Equal(Parser.Frame, text);
    }

    [Theory]
    [InlineData("a", null)]
    [InlineData("b", null)]
    [InlineData(null, "topv2-parser")]
    public async Task A_model_is_chosen_by_service_id_or_by_its_id(string? serviceId, string? modelId)
    {
        var (a, b) = (parser.Counting(), parser.Counting());
        var builder = Kernel.CreateBuilder();
        builder.Services.AddKeyedSingleton<IChatClient>("a", a).AddKeyedSingleton<IChatClient>("b", b);
        var kernel = builder.Build();
        var settings = new PromptExecutionSettings { ServiceId = serviceId, ModelId = modelId };

        var result = await kernel.InvokePromptAsync(Parser.Utterance, new(settings));

        Assert.Equal(Parser.Frame, result.ToString());
        Assert.Equal(1, a.Requests.Count + b.Requests.Count);
        Assert.Equal(serviceId is "b" ? 1 : 0, b.Requests.Count);
    }

    [Fact]
    public async Task Of_two_models_the_one_that_the_settings_name_answers()
    {
        using var small = Scripted.Client(_ => "small", "small-model");
        using var large = Scripted.Client(_ => "large", "large-model");
        var builder = Kernel.CreateBuilder();
        builder.Services.AddSingleton<IChatClient>(small).AddSingleton<IChatClient>(large);
        var kernel = builder.Build();

        Assert.Equal("small", (await kernel.InvokePromptAsync("?", new(new PromptExecutionSettings { ModelId = "small-model" }))).ToString());
        Assert.Equal("large", (await kernel.InvokePromptAsync("?", new(new PromptExecutionSettings { ModelId = "large-model" }))).ToString());
    }

    [Fact]
    public async Task A_kernels_system_prompt_and_messages_reach_the_model()
    {
        string? seen = null;
        using var client = Scripted.Client(prompt => (seen = prompt)[..0]);
        var builder = Kernel.CreateBuilder();
        builder.Services.AddSingleton<IChatClient>(client);
        var kernel = builder.Build();

        await kernel.InvokePromptAsync("""<message role="system">Be brief.</message><message role="user">Hi.</message><message role="assistant">Hello.</message><message role="user">Bye.</message>""");

        Assert.All(["Be brief.", "Hi.", "Hello.", "Bye."], text => Assert.Contains(text, seen, StringComparison.Ordinal));
        var settings = new PromptExecutionSettings { ExtensionData = new Dictionary<string, object> { ["chat_system_prompt"] = "Be kind." } };
        await kernel.InvokePromptAsync("Hi.", new(settings));
        Assert.Contains("Be kind.", seen, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Settings_reach_the_client_whatever_number_type_they_have()
    {
        var counting = parser.Counting();
        var builder = Kernel.CreateBuilder();
        builder.Services.AddSingleton<IChatClient>(counting);
        var kernel = builder.Build();
        var settings = new PromptExecutionSettings
        {
            ExtensionData = new Dictionary<string, object> { ["temperature"] = 0.0, ["max_tokens"] = 3.0, ["exit_layer"] = 3.0, ["decoding_mode"] = "self-speculative" },
        };

        var response = (await kernel.InvokePromptAsync(Parser.Utterance, new(settings))).GetValue<ChatResponse>()!;

        Assert.Equal(3, response.AdditionalProperties!["exit_layer"]);
        Assert.Equal(3, response.Usage!.OutputTokenCount);
        Assert.Equal(ChatFinishReason.Length, response.FinishReason);
        Assert.Equal((0f, 3), (counting.Requests.Single()!.Temperature, counting.Requests.Single()!.MaxOutputTokens));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_client_is_a_chat_completion_service(bool streaming)
    {
        var service = parser.Client.AsChatCompletionService();
        var history = new ChatHistory();
        history.AddUserMessage(Parser.Utterance);

        if (streaming)
        {
            var pieces = await service.GetStreamingChatMessageContentsAsync(history).ToListAsync();
            Assert.Equal(Parser.Frame, string.Concat(pieces.Select(piece => piece.Content)));
            Assert.All(pieces, piece => Assert.Equal("topv2-parser", piece.ModelId));
            return;
        }

        var message = await service.GetChatMessageContentAsync(history);
        Assert.Equal(Parser.Frame, message.Content);
        Assert.Equal("topv2-parser", message.ModelId);
        Assert.Equal(AuthorRole.Assistant, message.Role);
        Assert.True(((UsageDetails)message.Metadata!["Usage"]!).OutputTokenCount > 5);
        Assert.Equal("topv2-parser", AIServiceExtensions.GetModelId(service));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Kernel_functions_are_called_and_nested_ones_before_those_that_need_them(bool asChatCompletionService)
    {
        var trips = new Trips();
        var builder = Kernel.CreateBuilder();
        builder.Services
            .AddSingleton<IChatClient>(_ => parser.Counting().AsBuilder()
                .UseKernelFunctionInvocation()
                .Use(client => new FrameToolCallingChatClient(client))
                .Build());
        builder.Plugins.AddFromObject(trips, "Trips");
        var kernel = builder.Build();
        var settings = new PromptExecutionSettings { FunctionChoiceBehavior = FunctionChoiceBehavior.Auto() };
        const string Utterance = "how long will it take to drive home";

        string answer;
        if (asChatCompletionService)
        {
            var service = kernel.GetRequiredService<IChatClient>().AsChatCompletionService();
            answer = (await service.GetChatMessageContentAsync(Utterance, settings, kernel)).Content!;
        }
        else
        {
            // All rounds are in the response; the last message answers.
            answer = (await kernel.InvokePromptAsync(Utterance, new(settings))).GetValue<ChatResponse>()!.Messages[^1].Text;
        }

        Assert.Equal("Ten minutes to Elm Street.", answer);
        Assert.Equal(["home", "Elm Street"], trips.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Kernel_functions_are_called_by_a_model_that_calls_tools_itself(bool asChatCompletionService)
    {
        var weather = new Weather();
        using var client = Scripted.Caller(Scripted.Call("Weather_GetWeather", """{"city": "Rome"}""")).AsBuilder().UseKernelFunctionInvocation().Build();
        var builder = Kernel.CreateBuilder();
        builder.Services.AddSingleton(client);
        builder.Plugins.AddFromObject(weather, "Weather");
        var kernel = builder.Build();
        var settings = new PromptExecutionSettings { FunctionChoiceBehavior = FunctionChoiceBehavior.Auto() };

        var answer = asChatCompletionService
            ? (await client.AsChatCompletionService().GetChatMessageContentAsync("USER: Rome?", settings, kernel)).Content
            : (await kernel.InvokePromptAsync("USER: Rome?", new(settings))).GetValue<ChatResponse>()!.Messages[^1].Text;

        Assert.Equal("Done: sun in Rome", answer);
        Assert.Equal(["Rome"], weather.Cities);
    }

    private sealed class Weather
    {
        public List<string> Cities { get; } = [];

        [KernelFunction, Description("Tells the weather.")]
        public string GetWeather(string city)
        {
            Cities.Add(city);
            return $"RESULT:sun in {city};";
        }
    }

    private sealed class Trips
    {
        public List<string> Calls { get; } = [];

        [KernelFunction, Description("Where the user lives.")]
        public string GetLocationHome()
        {
            Calls.Add("home");
            return "Elm Street";
        }

        [KernelFunction, Description("How long a trip takes.")]
        public string GetEstimatedDuration(string destination)
        {
            Calls.Add(destination);
            return $"Ten minutes to {destination}.";
        }
    }
}
