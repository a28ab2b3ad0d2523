using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using LayerSkip.AI;
using LayerSkip.Engine.Decoding;
using Microsoft.Extensions.AI;

namespace LayerSkip.Integrations.Tests.ExtensionsAI;

/// <summary><c>GetResponseAsync&lt;T&gt;</c> over models that know nothing of JSON, and over one that writes what it should.</summary>
public class StructuredOutputTests(Parser parser)
{
    [JsonConverter(typeof(JsonStringEnumConverter<Priority>))]
    internal enum Priority
    {
        Low,
        High,
    }

    // The schema of an int without a range allows any integer, also one that no int holds.
    internal sealed record Reminder(string Todo, DateTime At, Priority Priority, [property: Range(1, 99)] int? Repeat, string[] People, Reminder? FollowUp);

    [Fact]
    public async Task A_model_that_never_saw_json_still_gives_the_type()
    {
        for (var limit = 100; limit <= 200; limit += 50)
        {
            var response = await parser.Undescribing.GetResponseAsync<Reminder>(Parser.Utterance, new ChatOptions { MaxOutputTokens = limit });

            Assert.True(response.TryGetResult(out var reminder), response.Text);
            Assert.NotNull(reminder.Todo);
            Assert.NotNull(reminder.People);
        }
    }

    [Fact]
    public async Task Speculation_changes_nothing()
    {
        var options = new ChatOptions { MaxOutputTokens = 150, Temperature = 0 };

        var plain = await parser.Undescribing.GetResponseAsync<Reminder>(Parser.Utterance, options.Clone().WithDecodingMode(DecodingMode.Autoregressive));
        var drafted = await parser.Undescribing.GetResponseAsync<Reminder>(Parser.Utterance, options.Clone().WithDecodingMode(DecodingMode.SelfSpeculative));

        Assert.Equal(plain.Text, drafted.Text);
    }

    [Fact]
    public async Task What_the_model_wants_to_say_is_what_it_says()
    {
        using var client = Scripted.Client(
            _ => """{"todo":"call mom","at":"2026-01-02T17:00:00Z","priority":"High","repeat":null,"people":["mom"],"followUp":null}""");

        var reminder = (await client.GetResponseAsync<Reminder>("remind me")).Result;

        Assert.Equal(("call mom", Priority.High, null), (reminder.Todo, reminder.Priority, reminder.Repeat));
        Assert.Equal(new DateTime(2026, 1, 2, 17, 0, 0, DateTimeKind.Utc), reminder.At.ToUniversalTime());
        Assert.Equal(["mom"], reminder.People);
    }

    [Fact]
    public async Task Values_that_are_no_objects_are_wrapped_and_unwrapped()
    {
        Assert.Equal(42, await Answer<int>("42"));
        Assert.Equal(Priority.High, await Answer<Priority>("\"High\""));
        Assert.Equal(["mom", "dad"], await Answer<string[]>("""["mom","dad"]"""));
        Assert.True(await Answer<bool>("true"));

        static async Task<T> Answer<T>(string data)
        {
            using var client = Scripted.Client(_ => $$"""{"data":{{data}}}""");
            return (await client.GetResponseAsync<T>("?")).Result;
        }
    }

    [Fact]
    public async Task A_type_is_given_after_tools_were_called()
    {
        using var client = Scripted.Client(prompt => prompt.Contains("18 degrees", StringComparison.Ordinal)
                ? """{"city":"Rome","degrees":18}"""
                : Scripted.Call("get_weather", """{"city": "Rome"}"""))
            .AsBuilder().UseFunctionInvocation().Build();
        var options = new ChatOptions { Tools = [AIFunctionFactory.Create((string city) => "18 degrees", "get_weather")] };

        var response = await client.GetResponseAsync<Weather>("Rome?", options);

        Assert.Equal(new Weather("Rome", 18), response.Result);
        Assert.Equal(3, response.Messages.Count);
    }

    private sealed record Weather(string City, int Degrees);
}
