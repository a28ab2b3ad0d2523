// An agent of 5 million parameters: what is said becomes a frame, the frame tool calls, and the tools keep reminders, alarms and timers.
//
//   dotnet run -c Release --project samples/TopV2Agent -- "remind me to call mom at 5 pm"
//   dotnet run -c Release --project samples/TopV2Agent            (a scripted conversation)

using System.Globalization;
using LayerSkip.AI;
using LayerSkip.Parsing.Grounding;
using LayerSkip.Parsing.Tools;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TopV2Agent;

Console.OutputEncoding = System.Text.Encoding.UTF8;
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;

// Nothing that anyone says begins with two dashes.
if (Array.Find(args, static arg => arg is "-h" or "-?" || arg.StartsWith("--", StringComparison.Ordinal)) is { } option)
{
    var isHelp = option is "--help" or "-h" or "-?";
    (isHelp ? Console.Out : Console.Error).WriteLine($"{(isHelp ? "" : $"'{option}' is no option. ")}Usage: TopV2Agent [UTTERANCE]; without one it holds a scripted conversation.");
    return isHelp ? 0 : 2;
}

if (args.Length > 0 && args.All(string.IsNullOrWhiteSpace))
{
    Console.Error.WriteLine("The utterance is empty. Usage: TopV2Agent [UTTERANCE]; without one it holds a scripted conversation.");
    return 2;
}

var builder = Host.CreateApplicationBuilder();
builder.Logging.SetMinimumLevel(LogLevel.Warning);
builder.Services.AddLayerSkipChatClient(options =>
{
    options.ModelPath = Path.Combine(AppContext.BaseDirectory, "topv2-parser");
    options.Device = "cpu"; // the model is too small to gain from a GPU
});
builder.Services.AddSingleton(TimeProvider.System).AddSingleton<Household>();

// Outermost first: whoever asks gets the answer of the tools, which FunctionInvokingChatClient calls as the frames say; and no frame has a word that was not said.
builder.Services
    .AddChatClient(services => services.GetRequiredService<LayerSkipChatClient>())
    .UseFunctionInvocation()
    .Use(parser => new FrameToolCallingChatClient(parser))
    .Use(parser => new GroundedFrameChatClient(parser));

using var host = builder.Build();
var agent = host.Services.GetRequiredService<IChatClient>();
var household = host.Services.GetRequiredService<Household>();
var options = new ChatOptions { Tools = household.Tools };

string[] script =
[
    "remind me to call mom at 5 pm",
    "remind me to water the plants every sunday morning",
    "remind me about dinner with anna on friday at 7:30pm",
    "wake me up at 7 tomorrow morning",
    "set an alarm for 6:30am every weekday",
    "start a timer for 20 minutes",
    "add 5 minutes to my timer",
    "will it rain in boston this weekend",
    "how long will it take to drive home",
    "delete my reminder to call mom",
    "play some jazz music",
];

// The parser reads one utterance at a time; a model that reads conversations would get the history here.
foreach (var utterance in args.Length > 0 ? [string.Join(' ', args)] : script)
{
    Console.WriteLine($"you    {utterance}");
    try
    {
        var response = await agent.GetResponseAsync(utterance, options);
        foreach (var call in response.Messages.SelectMany(message => message.Contents).OfType<FunctionCallContent>())
        {
            Console.WriteLine($"call   {call.Name}({string.Join(", ", (call.Arguments ?? new Dictionary<string, object?>()).Select(argument => $"{argument.Key}: \"{argument.Value}\""))})");
        }

        // Every round's message is in the response; the last one answers.
        Console.WriteLine($"agent  {response.Messages[^1].Text}");
    }
    catch (Exception e) when (e is ArgumentException or InvalidOperationException)
    {
        // Such as an utterance longer than the model's context, or a model that cannot be loaded.
        Console.Error.WriteLine(e.Message.Split(" (Parameter")[0]);
        return 2;
    }

    Console.WriteLine();
}

household.Show();
return 0;
