// A TOPv2 semantic parser: an utterance in, a frame out, through the IChatClient that any .NET application would use.
//
//   dotnet run -c Release --project samples/TopV2Parser -- "remind me to call mom at 5 pm"
//   dotnet run -c Release --project samples/TopV2Parser            (asks for utterances)

using System.Diagnostics;
using System.Globalization;
using LayerSkip.AI;
using LayerSkip.Engine.Decoding;
using LayerSkip.Parsing.Frames;
using LayerSkip.Parsing.Grounding;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

Console.OutputEncoding = System.Text.Encoding.UTF8;
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;

// Nothing that anyone says begins with two dashes.
if (Array.Find(args, static arg => arg is "-h" or "-?" || arg.StartsWith("--", StringComparison.Ordinal)) is { } option)
{
    var isHelp = option is "--help" or "-h" or "-?";
    (isHelp ? Console.Out : Console.Error).WriteLine($"{(isHelp ? "" : $"'{option}' is no option. ")}Usage: TopV2Parser [UTTERANCE]; without one it asks for utterances until the input ends.");
    return isHelp ? 0 : 2;
}

if (args.Length > 0 && args.All(string.IsNullOrWhiteSpace))
{
    Console.Error.WriteLine("The utterance is empty. Usage: TopV2Parser [UTTERANCE]; without one it asks for utterances until the input ends.");
    return 2;
}

var builder = Host.CreateApplicationBuilder();
builder.Logging.SetMinimumLevel(LogLevel.Warning);
builder.Services.AddLayerSkipChatClient(options =>
{
    options.ModelPath = Path.Combine(AppContext.BaseDirectory, "topv2-parser");
    options.Device = "cpu"; // "auto" takes a GPU where there is one, from which a model this small gains nothing
    options.IdleKvCacheBudget = 0; // runs are compared: none may find its prompt in the cache of the one before
});
using var host = builder.Build();

// Whatever is answered is a frame of the utterance's own words.
var client = new GroundedFrameChatClient(host.Services.GetRequiredService<IChatClient>());

if (args.Length > 0)
{
    return await ParseAsync(string.Join(' ', args)) ? 0 : 2;
}

while (true)
{
    Console.Write("utterance> ");
    if (Console.ReadLine() is not { } utterance)
    {
        Console.WriteLine();
        return 0;
    }

    if (!string.IsNullOrWhiteSpace(utterance))
    {
        await ParseAsync(utterance);
    }
}

async Task<bool> ParseAsync(string utterance)
{
    try
    {
        // The checkpoint declares its exit layer, so self-speculation is what it does unasked.
        var response = await client.GetResponseAsync(utterance);
        if (FrameTree.TryParse(response.Text, out var frame))
        {
            Console.WriteLine(frame.Draw());
            await CompareAsync(utterance);
        }
        else
        {
            Console.WriteLine($"no frame came of it: {response.Text.Trim()}");
        }

        return true;
    }
    catch (Exception e) when (e is ArgumentException or InvalidOperationException)
    {
        // Such as an utterance longer than the model's context, or a model that cannot be loaded.
        Console.Error.WriteLine(e.Message.Split(" (Parameter")[0]);
        return false;
    }
}

// The same utterance in both modes in turn: what self-speculation saves, and that it changes no token.
async Task CompareAsync(string utterance)
{
    const int Runs = 25;
    const int WarmUp = 150; // a process's first requests still compile code, and teach the controller what steps cost
    var speculative = new ChatOptions();
    var autoregressive = new ChatOptions().WithDecodingMode(DecodingMode.Autoregressive);
    var (fast, plain) = (new List<double>(), new List<double>());
    var identical = true;
    ChatResponse? last = null;
    for (var run = -WarmUp; run < Runs; run++)
    {
        var (a, fastTime) = await TimeAsync(utterance, speculative);
        var (b, plainTime) = await TimeAsync(utterance, autoregressive);
        identical &= a.Text == b.Text;
        last = a;
        if (run >= 0)
        {
            fast.Add(fastTime);
            plain.Add(plainTime);
        }
    }

    var drafts = last!.AdditionalProperties!["acceptance_rate"] is double rate ? $"{rate:P0} of drafted tokens accepted" : "nothing drafted";
    Console.WriteLine();
    Console.WriteLine($"  autoregressive    {Median(plain),6:F2} ms");
    Console.WriteLine(
        $"  self-speculative  {Median(fast),6:F2} ms   {Median(plain) / Median(fast):F2}x, "
        + $"exit layer {last.AdditionalProperties["exit_layer"]}, {drafts}");
    Console.WriteLine($"  same output: {(identical ? "yes" : "NO")}   (medians of {Runs} runs in turn after a warm-up, request to response)");
    Console.WriteLine();
}

async Task<(ChatResponse Response, double Milliseconds)> TimeAsync(string utterance, ChatOptions options)
{
    var start = Stopwatch.GetTimestamp();
    var response = await client.GetResponseAsync(utterance, options);
    return (response, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
}

static double Median(IEnumerable<double> values)
{
    var sorted = values.Order().ToArray();
    return sorted[sorted.Length / 2];
}
