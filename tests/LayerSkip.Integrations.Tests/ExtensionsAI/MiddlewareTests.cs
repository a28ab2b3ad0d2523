using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using LayerSkip.AI;
using LayerSkip.Engine.Decoding;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace LayerSkip.Integrations.Tests.ExtensionsAI;

/// <summary>Microsoft.Extensions.AI's own clients around ours.</summary>
public class MiddlewareTests(Parser parser)
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_cache_answers_the_same_request_and_keeps_everything_of_the_response(bool streaming)
    {
        var counting = parser.Counting();
        var client = counting.AsBuilder().UseDistributedCache(MemoryCache()).Build();
        var options = new ChatOptions().WithExitLayer(3);

        var first = await Ask(client, Parser.Utterance, options, streaming);
        var second = await Ask(client, Parser.Utterance, new ChatOptions().WithExitLayer(3), streaming);

        Assert.Single(counting.Requests);
        Assert.Equal(Parser.Frame, second.Text);
        Assert.Equal((first.ResponseId, first.ModelId, first.FinishReason), (second.ResponseId, second.ModelId, second.FinishReason));
        Assert.Equal(first.Usage!.AdditionalCounts, second.Usage!.AdditionalCounts);
        Assert.Equal(first.AdditionalProperties!.Keys.Order(), second.AdditionalProperties!.Keys.Order());
        Assert.Equal(
            Convert.ToString(first.AdditionalProperties["acceptance_rate"], null), Convert.ToString(second.AdditionalProperties["acceptance_rate"], null));
    }

    [Fact]
    public async Task Our_settings_and_the_text_are_part_of_the_caches_key()
    {
        var counting = parser.Counting();
        var client = counting.AsBuilder().UseDistributedCache(MemoryCache()).Build();

        await client.GetResponseAsync(Parser.Utterance, new ChatOptions().WithExitLayer(3));
        await client.GetResponseAsync(Parser.Utterance, new ChatOptions().WithExitLayer(4));
        await client.GetResponseAsync(Parser.Utterance, new ChatOptions().WithExitLayer(4).WithNumSpeculations(2));
        await client.GetResponseAsync(Parser.Utterance, new ChatOptions().WithDecodingMode(DecodingMode.EarlyExit));
        await client.GetResponseAsync(Parser.Utterance + ".", new ChatOptions().WithExitLayer(3));
        Assert.Equal(5, counting.Requests.Count);

        await client.GetResponseAsync(Parser.Utterance, new ChatOptions().WithDecodingMode(DecodingMode.EarlyExit));
        Assert.Equal(5, counting.Requests.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Telemetry_names_the_provider_the_model_and_what_was_used(bool streaming)
    {
        const string Source = nameof(Telemetry_names_the_provider_the_model_and_what_was_used);
        var source = Source + streaming;
        var spans = new List<Activity>();
        using var activities = new ActivityListener
        {
            ShouldListenTo = listened => listened.Name == source,
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = spans.Add,
        };
        ActivitySource.AddActivityListener(activities);
        var instruments = new ConcurrentBag<string>();
        using var meters = new MeterListener { InstrumentPublished = (instrument, listener) => { if (instrument.Meter.Name == source) { listener.EnableMeasurementEvents(instrument); } } };
        meters.SetMeasurementEventCallback<int>((instrument, _, _, _) => instruments.Add(instrument.Name));
        meters.SetMeasurementEventCallback<double>((instrument, _, _, _) => instruments.Add(instrument.Name));
        meters.Start();
        using var client = parser.Counting().AsBuilder().UseOpenTelemetry(sourceName: source).Build();

        var response = await Ask(client, Parser.Utterance, new() { MaxOutputTokens = 96, Temperature = 0 }, streaming);

        var span = Assert.Single(spans);
        Assert.Equal("chat topv2-parser", span.DisplayName);
        Assert.Equal("layerskip", span.GetTagItem("gen_ai.provider.name"));
        Assert.Equal("topv2-parser", span.GetTagItem("gen_ai.request.model"));
        Assert.Equal("topv2-parser", span.GetTagItem("gen_ai.response.model"));
        Assert.Equal(response.ResponseId, span.GetTagItem("gen_ai.response.id"));
        Assert.Equal(response.Usage!.InputTokenCount, Convert.ToInt64(span.GetTagItem("gen_ai.usage.input_tokens"), null));
        Assert.Equal(response.Usage.OutputTokenCount, Convert.ToInt64(span.GetTagItem("gen_ai.usage.output_tokens"), null));
        Assert.Null(span.GetTagItem("server.address"));
        Assert.Contains("gen_ai.client.token.usage", instruments);
        Assert.Contains("gen_ai.client.operation.duration", instruments);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Logging_can_write_down_all_that_goes_in_and_out(bool streaming)
    {
        using var log = new ListLoggers();
        using var client = parser.Counting().AsBuilder().UseLogging(log).Build();

        await Ask(client, Parser.Utterance, new ChatOptions { Temperature = 0 }.WithExitLayer(2).WithDecodingMode(DecodingMode.SelfSpeculative), streaming);

        Assert.Contains(log.Lines, line => line.Contains("exit_layer", StringComparison.Ordinal));
        Assert.Contains(log.Lines, line => line.Contains("CREATE_REMINDER", StringComparison.Ordinal));
        Assert.Contains(log.Lines, line => line.Contains("acceptance_rate", StringComparison.Ordinal));
        Assert.DoesNotContain(log.Lines, line => line.Contains("Exception", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_cancelled_request_is_seen_as_cancelled_through_every_layer()
    {
        using var log = new ListLoggers();
        using var client = parser.Counting().AsBuilder().UseLogging(log).UseOpenTelemetry().UseFunctionInvocation().UseDistributedCache(MemoryCache()).Build();
        using var cancellation = new CancellationTokenSource();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var _ in client.GetStreamingResponseAsync(Parser.Utterance, cancellationToken: cancellation.Token))
            {
                await cancellation.CancelAsync();
            }
        });

        Assert.Equal(Parser.Frame, (await client.GetResponseAsync(Parser.Utterance)).Text);
    }

    [Fact]
    public void Options_can_be_configured_and_the_client_and_its_engine_found_through_a_pipeline()
    {
        using var client = parser.Counting().AsBuilder().ConfigureOptions(options => options.WithExitLayer(3)).UseFunctionInvocation().Build();

        Assert.Same(parser.Client, client.GetService<LayerSkipChatClient>());
        Assert.NotNull(client.GetService<LayerSkip.Engine.LayerSkipModel>());
        Assert.Equal(("layerskip", "topv2-parser"), (client.GetService<ChatClientMetadata>()!.ProviderName, client.GetService<ChatClientMetadata>()!.DefaultModelId));
    }

    internal static MemoryDistributedCache MemoryCache() => new(Options.Create(new MemoryDistributedCacheOptions()));

    private static async Task<ChatResponse> Ask(IChatClient client, string text, ChatOptions? options, bool streaming) => streaming
        ? await client.GetStreamingResponseAsync(text, options).ToChatResponseAsync()
        : await client.GetResponseAsync(text, options);

    private sealed class ListLoggers : ILoggerFactory, ILogger
    {
        private readonly ConcurrentQueue<string> _lines = new();

        public IReadOnlyCollection<string> Lines => _lines;

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            _lines.Enqueue(formatter(state, exception) + exception);

        public void Dispose()
        {
        }
    }
}
