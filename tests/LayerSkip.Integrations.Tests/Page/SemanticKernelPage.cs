using LayerSkip.AI;
using LayerSkip.Parsing.Tools;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;

namespace LayerSkip.Integrations.Tests.Page;

public class SemanticKernelPage(Parser parser)
{
    [Fact]
    public async Task Prompt()
    {
        var modelPath = Parser.ModelPath;
        var builder = Kernel.CreateBuilder();
        builder.Services.AddLayerSkipChatClient(options => options.ModelPath = modelPath);
        var kernel = builder.Build();

        var result = await kernel.InvokePromptAsync("remind me to {{$what}} at 5 pm", new() { ["what"] = "call mom" });
        Console.WriteLine(result);
        Console.WriteLine(result.GetValue<ChatResponse>()!.Usage!.OutputTokenCount);

        Assert.Equal(Parser.Frame, result.ToString());
        await Settings(kernel);
    }

    [Fact]
    public async Task Chat_completion_service()
    {
        IChatClient client = parser.Client;
        IChatCompletionService chat = client.AsChatCompletionService();
        var history = new ChatHistory();
        history.AddUserMessage("remind me to call mom at 5 pm");
        var message = await chat.GetChatMessageContentAsync(history);

        Assert.Equal(Parser.Frame, message.Content);
    }

    [Fact]
    public async Task Functions()
    {
        var modelPath = Parser.ModelPath;
        var builder = Kernel.CreateBuilder();
        builder.Services.AddLayerSkipChatClient(options => options.ModelPath = modelPath);
        builder.Services.AddChatClient(services => services.GetRequiredService<LayerSkipChatClient>())
            .UseKernelFunctionInvocation()
            .Use(parser => new FrameToolCallingChatClient(parser)); // for the parser only
        builder.Plugins.AddFromFunctions("Home", [KernelFunctionFactory.CreateFromMethod(CreateReminder, "CreateReminder")]);
        var kernel = builder.Build();

        var settings = new PromptExecutionSettings { FunctionChoiceBehavior = FunctionChoiceBehavior.Auto() };
        var result = await kernel.InvokePromptAsync("remind me to call mom at 5 pm", new(settings));
        Console.WriteLine(result.GetValue<ChatResponse>()!.Messages[^1].Text);

        Assert.Equal("I will remind you to call mom.", result.GetValue<ChatResponse>()!.Messages[^1].Text);

        static string CreateReminder(string todo, string? dateTime = null) => $"I will remind you to {todo}.";
    }

    private static async Task Settings(Kernel kernel)
    {
        var settings = new PromptExecutionSettings
        {
            ModelId = "topv2-parser", // or ServiceId, for a client registered with one
            ExtensionData = new Dictionary<string, object> { ["temperature"] = 0.0, ["max_tokens"] = 96, ["exit_layer"] = 2 },
        };
        var result = await kernel.InvokePromptAsync("start a timer for 20 minutes", new(settings));

        Assert.StartsWith(" [IN:CREATE_TIMER", result.ToString(), StringComparison.Ordinal);
        Assert.Equal(2, result.GetValue<ChatResponse>()!.AdditionalProperties!["exit_layer"]);
    }
}
