using System.Diagnostics;
using LayerSkip.AI;
using Microsoft.Extensions.AI;

namespace LayerSkip.Integrations.Tests.ExtensionsAI;

/// <summary>The client's own tool calls, carried out by FunctionInvokingChatClient.</summary>
public class ToolCallingTests
{
    private readonly List<string> _invoked = [];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_call_is_carried_out_and_its_result_goes_back_to_the_model(bool streaming)
    {
        using var client = Scripted.Caller(Scripted.Call("get_weather", """{"city": "Rome"}""")).AsBuilder().UseFunctionInvocation().Build();

        var response = await Ask(client, "USER: Rome?", streaming);

        Assert.Equal(["Rome"], _invoked);
        Assert.Equal("Done: sun in Rome", response.Messages[^1].Text);
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        Assert.Equal([ChatRole.Assistant, ChatRole.Tool, ChatRole.Assistant], response.Messages.Select(message => message.Role));
        Assert.Equal(response.Usage!.InputTokenCount + response.Usage.OutputTokenCount, response.Usage.TotalTokenCount);
        Assert.True(response.Usage.AdditionalCounts!["LayerSkip.VerificationCount"] > 1); // of both rounds
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task Parallel_calls_are_all_carried_out(bool streaming, bool concurrently)
    {
        using var client = Scripted.Caller(Scripted.Call("get_weather", """{"city": "Rome"}"""), Scripted.Call("get_weather", """{"city": "Oslo"}"""))
            .AsBuilder().UseFunctionInvocation(configure: invoking => invoking.AllowConcurrentInvocation = concurrently).Build();

        var response = await Ask(client, "USER: Both?", streaming);

        Assert.Equal(["Oslo", "Rome"], _invoked.Order());
        Assert.Equal("Done: sun in Rome, sun in Oslo", response.Messages[^1].Text);
    }

    [Fact]
    public async Task A_tool_that_fails_is_told_to_the_model()
    {
        string? seen = null;
        using var client = Scripted.Client(prompt => prompt.Contains("Error", StringComparison.Ordinal) ? Seen(prompt) : Scripted.Call("fail", "{}"))
            .AsBuilder().UseFunctionInvocation().Build();
        var options = new ChatOptions { Tools = [AIFunctionFactory.Create(string () => throw new InvalidOperationException("secret"), "fail")] };

        var response = await client.GetResponseAsync("?", options);

        Assert.Equal("Sorry.", response.Messages[^1].Text);
        Assert.DoesNotContain("secret", seen, StringComparison.Ordinal);

        string Seen(string prompt)
        {
            seen = prompt;
            return "Sorry.";
        }
    }

    [Fact]
    public async Task A_tool_without_an_implementation_is_left_to_the_caller()
    {
        using var client = Scripted.Caller(Scripted.Call("open_door", "{}")).AsBuilder().UseFunctionInvocation().Build();
        var options = new ChatOptions
        {
            Tools = [AIFunctionFactory.CreateDeclaration("open_door", null, System.Text.Json.JsonElement.Parse("""{"type":"object","properties":{}}"""))],
        };

        var response = await client.GetResponseAsync("USER: open", options);

        var call = response.Messages.SelectMany(message => message.Contents).OfType<FunctionCallContent>().Single();
        Assert.Equal(("open_door", ChatFinishReason.ToolCalls), (call.Name, response.FinishReason!.Value));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_cache_beneath_keeps_calls_and_answers(bool streaming)
    {
        var counting = new CountingClient(Scripted.Caller(Scripted.Call("get_weather", """{"city": "Rome"}""")));
        using var client = counting.AsBuilder().UseFunctionInvocation().UseDistributedCache(MiddlewareTests.MemoryCache()).Build();

        await Ask(client, "USER: Rome?", streaming);
        var second = await Ask(client, "USER: Rome?", streaming);

        Assert.Equal(2, counting.Requests.Count); // one for each round, once
        Assert.Equal(["Rome", "Rome"], _invoked); // the tool itself is not cached
        Assert.Equal("Done: sun in Rome", second.Messages[^1].Text);
    }

    [Fact]
    public async Task Telemetry_writes_calls_down()
    {
        var spans = new List<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == nameof(Telemetry_writes_calls_down),
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = spans.Add,
        };
        ActivitySource.AddActivityListener(listener);
        using var client = Scripted.Caller(Scripted.Call("get_weather", """{"city": "Rome"}"""))
            .AsBuilder()
            .UseFunctionInvocation()
            .UseOpenTelemetry(sourceName: nameof(Telemetry_writes_calls_down), configure: telemetry => telemetry.EnableSensitiveData = true)
            .Build();

        await Ask(client, "USER: Rome?", streaming: false);

        Assert.Equal(2, spans.Count(span => span.DisplayName == "chat scripted"));
        var first = spans.First(span => span.DisplayName == "chat scripted");
        Assert.Contains("tool_call", (string)first.GetTagItem("gen_ai.response.finish_reasons")!, StringComparison.Ordinal);
        Assert.Contains("Rome", (string)first.GetTagItem("gen_ai.output.messages")!, StringComparison.Ordinal);
    }

    private async Task<ChatResponse> Ask(IChatClient client, string text, bool streaming)
    {
        var options = new ChatOptions { Tools = [AIFunctionFactory.Create(GetWeather, "get_weather", "Tells the weather.")] };
        return streaming
            ? await client.GetStreamingResponseAsync(text, options).ToChatResponseAsync()
            : await client.GetResponseAsync(text, options);
    }

    private string GetWeather(string city)
    {
        lock (_invoked)
        {
            _invoked.Add(city);
        }

        return $"RESULT:sun in {city};";
    }
}
