using System.Diagnostics;
using System.Diagnostics.Metrics;
using LayerSkip.AI.Requests;
using LayerSkip.AI.Telemetry;
using LayerSkip.AI.Tests.Hosting;
using LayerSkip.Engine;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Sampling;
using LayerSkip.Engine.Scheduling;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace LayerSkip.AI.Tests.Telemetry;

/// <summary>What listeners see of requests. In one class, since listeners hear the whole process: its tests run one after the other.</summary>
public class TelemetryTests
{
    private const string Utterance = "message alex to see if she made it home";

    [Fact]
    public async Task Request_is_measured_as_its_usage_says()
    {
        await using var services = Services();
        using var measurements = new Measurements(services.GetRequiredService<IMeterFactory>());
        var options = new ChatOptions().WithDecodingMode(DecodingMode.SelfSpeculative).WithExitLayer(3);

        var response = await services.GetRequiredService<IChatClient>().GetResponseAsync(TestModels.User(Utterance), options);

        var (usage, counts) = (response.Usage!, response.Usage!.AdditionalCounts!);
        Assert.Equal(usage.InputTokenCount, (long)measurements.Single("gen_ai.client.token.usage", ("gen_ai.token.type", "input")).Value);
        Assert.Equal(usage.OutputTokenCount, (long)measurements.Single("gen_ai.client.token.usage", ("gen_ai.token.type", "output")).Value);
        foreach (var name in new[] { "gen_ai.client.operation.duration", "gen_ai.server.time_to_first_token", "gen_ai.server.time_per_output_token" })
        {
            var entry = measurements.Single(name);
            Assert.True(entry.Value > 0, name);
            Assert.Equal("s", entry.Unit);
            Assert.Equal(("chat", "layerskip"), (entry.Tags["gen_ai.operation.name"], entry.Tags["gen_ai.provider.name"]));
            Assert.Equal(("topv2-parser", "topv2-parser"), (entry.Tags["gen_ai.request.model"], entry.Tags["gen_ai.response.model"]));
            Assert.DoesNotContain("error.type", entry.Tags.Keys);
        }

        Assert.Equal(response.AdditionalProperties!["acceptance_rate"], measurements.Single("layerskip.acceptance_rate").Value);
        var exit = measurements.Single("layerskip.exit_layer");
        Assert.Equal((3.0, "self-speculative", "topv2-parser"), (exit.Value, exit.Tags["layerskip.decoding_mode"], exit.Tags["gen_ai.request.model"]));
        Assert.Equal(
            counts["OutputTokenDetails.AcceptedPredictionTokenCount"],
            (long)measurements.Single("layerskip.draft.tokens", ("layerskip.draft.outcome", "accepted")).Value);
        Assert.Equal(
            counts["OutputTokenDetails.RejectedPredictionTokenCount"],
            (long)measurements.Single("layerskip.draft.tokens", ("layerskip.draft.outcome", "rejected")).Value);
    }

    [Fact]
    public async Task What_does_not_draft_has_no_acceptance_rate()
    {
        await using var services = Services();
        using var measurements = new Measurements(services.GetRequiredService<IMeterFactory>());
        var client = services.GetRequiredService<IChatClient>();

        await client.Answer(Utterance, new ChatOptions().WithDecodingMode(DecodingMode.Autoregressive));
        Assert.DoesNotContain(measurements.All, entry => entry.Instrument.StartsWith("layerskip.", StringComparison.Ordinal));

        await client.Answer(Utterance, new ChatOptions().WithDecodingMode(DecodingMode.EarlyExit).WithExitLayer(4));
        Assert.Equal(4, measurements.Single("layerskip.exit_layer", ("layerskip.decoding_mode", "early-exit")).Value);
        Assert.Empty(measurements.Of("layerskip.acceptance_rate"));
    }

    [Fact]
    public async Task Copies_have_no_exit_layer()
    {
        await using var services = Services();
        using var measurements = new Measurements(services.GetRequiredService<IMeterFactory>());

        await services.GetRequiredService<IChatClient>().Answer(
            "remind me to call mom about the party", new ChatOptions().WithNumSpeculations(4).WithDraftSource(DraftSource.Lookup));
        Assert.NotEmpty(measurements.Of("layerskip.acceptance_rate"));
        Assert.Empty(measurements.Of("layerskip.exit_layer"));
    }

    [Fact]
    public async Task Load_of_the_engine_is_observed_while_it_lives()
    {
        using var checkpoint = TestModels.WriteEndless();
        var services = Services(checkpoint.Directory);
        using var measurements = new Measurements(services.GetRequiredService<IMeterFactory>());
        await services.GetRequiredService<LayerSkipModelLoader>().WaitAsync();
        var idle = new Dictionary<string, double> { ["layerskip.queue.depth"] = 0, ["layerskip.requests.running"] = 0, ["layerskip.kv.bytes"] = 0 };
        Assert.Equal(idle, measurements.Observe());

        await foreach (var update in services.GetRequiredService<IChatClient>().GetStreamingResponseAsync("x"))
        {
            var busy = measurements.Observe();
            Assert.Equal((1, 0), (busy["layerskip.requests.running"], busy["layerskip.queue.depth"]));
            Assert.True(busy["layerskip.kv.bytes"] > 0);
            break;
        }

        Assert.Equal(0, measurements.Observe()["layerskip.requests.running"]);
        await services.DisposeAsync();
        Assert.Empty(measurements.Observe());
    }

    [Fact]
    public async Task Failed_and_cancelled_requests_are_measured_with_their_error()
    {
        var log = new LogRecords();
        await using var services = Services(log: log);
        using var measurements = new Measurements(services.GetRequiredService<IMeterFactory>());
        using var spans = new TracedSpans();
        var client = services.GetRequiredService<IChatClient>();
        await services.GetRequiredService<LayerSkipModelLoader>().WaitAsync();

        await Assert.ThrowsAsync<InvalidTimeZoneException>(() => client.Answer(Utterance, Failing()));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.Updates(Utterance, cancellationToken: new CancellationToken(canceled: true)));

        Assert.Equal(
            ["System.InvalidTimeZoneException", "System.OperationCanceledException"],
            measurements.Of("gen_ai.client.operation.duration").Select(entry => entry.Tags["error.type"]));
        Assert.Empty(measurements.Of("gen_ai.client.token.usage"));
        Assert.Equal(2, spans.Own.Count);
        Assert.All(spans.Own, span => Assert.Equal(ActivityStatusCode.Error, span.Status));
        Assert.Equal("System.InvalidTimeZoneException", spans.Own[0].GetTagItem("error.type"));
        Assert.Equal((LogLevel.Warning, typeof(InvalidTimeZoneException)), (log.Of(22).Single().Level, log.Of(22).Single().Error!.GetType()));
        Assert.Single(log.Of(23));
    }

    [Fact]
    public async Task Requests_to_a_model_that_could_not_be_loaded_are_measured()
    {
        using var damaged = TestModels.WriteEndless();
        File.WriteAllText(damaged.PathOf("tokenizer.json"), "{");
        var log = new LogRecords();
        await using var services = Services(damaged.Directory, log, services => services
            .AddSingleton<TimeProvider>(new StandingTime()) // so that the load is not tried again
            .AddLayerSkipEmbeddingGenerator());
        using var measurements = new Measurements(services.GetRequiredService<IMeterFactory>());

        await Assert.ThrowsAsync<InvalidOperationException>(() => services.GetRequiredService<IChatClient>().Answer("x"));
        await Assert.ThrowsAsync<InvalidOperationException>(() => services.GetRequiredService<LayerSkipEmbeddingGenerator>().GenerateAsync(["x"]));

        Assert.Equal(
            ["chat", "embeddings"],
            measurements.Of("gen_ai.client.operation.duration", ("error.type", "System.InvalidOperationException"))
                .Select(entry => entry.Tags["gen_ai.operation.name"]));
        Assert.Single(log.All, entry => entry.Level >= LogLevel.Warning);
    }

    [Fact]
    public async Task Requests_refused_while_they_are_read_are_measured_and_traced()
    {
        var log = new LogRecords();
        await using var services = Services(log: log);
        using var measurements = new Measurements(services.GetRequiredService<IMeterFactory>());
        using var spans = new TracedSpans();
        var client = services.GetRequiredService<IChatClient>();
        await services.GetRequiredService<LayerSkipModelLoader>().WaitAsync();

        Assert.Throws<NotSupportedException>(() => client.GetStreamingResponseAsync(Utterance, new ChatOptions { ConversationId = "x" }));

        Assert.Equal("System.NotSupportedException", measurements.Single("gen_ai.client.operation.duration").Tags["error.type"]);
        var span = Assert.Single(spans.Own);
        Assert.Equal(("chat topv2-parser", ActivityStatusCode.Error), (span.DisplayName, span.Status));
        Assert.Equal((LogLevel.Debug, "A request to topv2-parser was refused while it was read: System.NotSupportedException."), (log.Of(25).Single().Level, log.Of(25).Single().Message));
    }

    [Fact]
    public async Task Waiting_for_the_model_is_part_of_a_request()
    {
        using var meters = new ServiceCollection().AddMetrics().BuildServiceProvider();
        using var measurements = new Measurements(meters.GetRequiredService<IMeterFactory>());
        using var spans = new TracedSpans();
        var instruments = new Instruments(meters.GetRequiredService<IMeterFactory>().Create(LayerSkipTelemetry.SourceName));
        var telemetry = new RequestTelemetry("model", instruments, NullLogger.Instance);

        await telemetry.Observe(new ChatRequest([1], new DecodingOptions(), []), TimeSpan.FromHours(1), _ => AsyncEnumerable.Empty<ChatResponseUpdate>()).ToListAsync();

        Assert.InRange(measurements.Single("gen_ai.client.operation.duration").Value, 3600, 7200);
        Assert.InRange(Assert.Single(spans.Own).Duration, TimeSpan.FromHours(1), TimeSpan.FromHours(2));
    }

    [Fact]
    public async Task Times_are_those_of_tokens_and_not_of_what_the_caller_sees()
    {
        using var meters = new ServiceCollection().AddMetrics().BuildServiceProvider();
        using var measurements = new Measurements(meters.GetRequiredService<IMeterFactory>());
        var instruments = new Instruments(meters.GetRequiredService<IMeterFactory>().Create(LayerSkipTelemetry.SourceName));
        var telemetry = new RequestTelemetry("model", instruments, NullLogger.Instance);
        var statistics = new GenerationStatistics { Tokens = 11, FirstRoundTokens = 1, DecodeTime = TimeSpan.FromSeconds(40) };

        // A call: it comes whole, long after its first token.
        async IAsyncEnumerable<ChatResponseUpdate> Answer(RequestObservation? observation)
        {
            observation!.SeeTokens();
            var early = Stopwatch.GetTimestamp();
            while (Stopwatch.GetElapsedTime(early) < TimeSpan.FromMilliseconds(20))
            {
                await Task.Yield();
            }

            observation.SeeTokens();
            yield return new ChatResponseUpdate(ChatRole.Assistant, [new FunctionCallContent("1", "f"), new UsageContent(new() { OutputTokenCount = 11 }) { RawRepresentation = statistics }])
            {
                FinishReason = ChatFinishReason.ToolCalls,
            };
        }

        await telemetry.Observe(new ChatRequest([1], new DecodingOptions(), []), TimeSpan.Zero, Answer).ToListAsync();

        var (first, whole) = (measurements.Single("gen_ai.server.time_to_first_token").Value, measurements.Single("gen_ai.client.operation.duration").Value);
        Assert.True(whole - first >= 0.02, $"{first} {whole}");
        Assert.Equal(4, measurements.Single("gen_ai.server.time_per_output_token").Value, 1e-9);
    }

    [Fact]
    public void Engine_whose_client_nobody_disposed_is_not_held()
    {
        using var checkpoint = TestModels.WriteEndless();
        using var meter = new Meter("unheard");
        var instruments = new Instruments(meter);

        var engine = Watched();
        for (var i = 0; i < 20 && engine.IsAlive; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.False(engine.IsAlive);

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        WeakReference Watched()
        {
            using var model = LayerSkipModel.Load(checkpoint.Directory);
            using var engine = new LayerSkipEngine(model);
            instruments.Watch(engine);
            return new WeakReference(engine);
        }
    }

    [Fact]
    public async Task Span_says_what_was_asked_and_what_came_of_it()
    {
        await using var services = Services();
        using var spans = new TracedSpans();
        var options = new ChatOptions { Temperature = 0.5f, TopK = 7, TopP = 0.5f, Seed = 11, MaxOutputTokens = 50, StopSequences = ["never"] };

        var response = await services.GetRequiredService<IChatClient>().GetResponseAsync(TestModels.User(Utterance), options);

        var span = Assert.Single(spans.Own);
        Assert.Equal(("chat topv2-parser", ActivityKind.Internal, "test"), (span.DisplayName, span.Kind, span.Parent!.DisplayName));
        var tags = span.TagObjects.ToDictionary();
        Assert.Equal(("chat", "layerskip", "topv2-parser"), (tags["gen_ai.operation.name"], tags["gen_ai.provider.name"], tags["gen_ai.request.model"]));
        Assert.Equal((0.5, 7, 0.5, 11L), (tags["gen_ai.request.temperature"], tags["gen_ai.request.top_k"], tags["gen_ai.request.top_p"], tags["gen_ai.request.seed"]));
        Assert.Equal(50, tags["gen_ai.request.max_tokens"]);
        Assert.Equal(["never"], (string[])tags["gen_ai.request.stop_sequences"]!);
        Assert.Equal((response.ResponseId, "topv2-parser"), (tags["gen_ai.response.id"], tags["gen_ai.response.model"]));
        Assert.Equal(["stop"], (string[])tags["gen_ai.response.finish_reasons"]!);
        Assert.Equal(
            (response.Usage!.InputTokenCount, response.Usage.OutputTokenCount),
            (tags["gen_ai.usage.input_tokens"], tags["gen_ai.usage.output_tokens"]));
        Assert.Equal(response.Usage.CachedInputTokenCount, tags["gen_ai.usage.cache_read.input_tokens"]);
        Assert.Equal(response.Usage.ReasoningTokenCount, tags.GetValueOrDefault("gen_ai.usage.reasoning.output_tokens"));
        Assert.Equal(("self-speculative", 2, 16), (tags["layerskip.decoding_mode"], tags["layerskip.exit_layer"], tags["layerskip.num_speculations"]));
        Assert.Equal(response.AdditionalProperties!["acceptance_rate"], tags["layerskip.acceptance_rate"]);
        Assert.True((double)tags["layerskip.time_to_first_token"]! > 0);
        Assert.DoesNotContain(tags.Values, value => value is string text && text.Contains("alex", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Middleware_that_traces_the_chat_gets_an_inner_span_instead_of_a_second_one()
    {
        await using var services = Services(configure: services => services
            .AddChatClient(provider => provider.GetRequiredService<LayerSkipChatClient>())
            .UseOpenTelemetry(sourceName: "outer").UseFunctionInvocation());
        using var spans = new TracedSpans();
        var client = services.GetRequiredService<IChatClient>();

        await client.Answer(Utterance);
        await client.Updates(Utterance, new ChatOptions { ToolMode = ChatToolMode.None, Tools = [AIFunctionFactory.Create(() => 1, "one")] });

        Assert.Equal(2, spans.All.Count(span => "chat".Equals(span.GetTagItem("gen_ai.operation.name"))));
        Assert.Equal(["layerskip.generate", "layerskip.generate"], spans.Own.Select(span => span.DisplayName));
        foreach (var span in spans.Own)
        {
            Assert.Contains(Ancestors(span), ancestor => ancestor is { DisplayName: "chat topv2-parser", Source.Name: "outer" });
            Assert.Null(span.GetTagItem("gen_ai.operation.name"));
            Assert.NotNull(span.GetTagItem("layerskip.exit_layer"));
        }
    }

    [Fact]
    public async Task Embeddings_are_one_span_with_a_middleware_and_without()
    {
        await using var services = Services(configure: services => services.AddLayerSkipEmbeddingGenerator());
        using var spans = new TracedSpans();
        var generator = services.GetRequiredService<LayerSkipEmbeddingGenerator>();

        var usage = (await generator.GenerateAsync([Utterance])).Usage!;
        var span = Assert.Single(spans.All);
        Assert.Equal(("embeddings topv2-parser", "LayerSkip.AI"), (span.DisplayName, span.Source.Name));
        Assert.Equal(("embeddings", usage.InputTokenCount), (span.GetTagItem("gen_ai.operation.name"), span.GetTagItem("gen_ai.usage.input_tokens")));

        await generator.AsBuilder().UseOpenTelemetry(sourceName: "outer").Build().GenerateAsync([Utterance]);
        Assert.Equal("outer", Assert.Single(spans.All.Skip(1)).Source.Name);
    }

    [Fact]
    public async Task Request_that_a_tool_makes_is_a_chat_of_its_own()
    {
        await using var services = Services();
        using var spans = new TracedSpans();
        using var source = new ActivitySource("application");
        using (source.StartActivity("chat other")!.SetTag("gen_ai.operation.name", "chat"))
        using (source.StartActivity("execute_tool x")!.SetTag("gen_ai.operation.name", "execute_tool"))
        {
            await services.GetRequiredService<IChatClient>().Answer(Utterance);
        }

        Assert.Equal("chat topv2-parser", Assert.Single(spans.Own).DisplayName);
    }

    [Fact]
    public async Task Consumer_that_leaves_ends_the_span()
    {
        using var checkpoint = TestModels.WriteEndless();
        var log = new LogRecords();
        await using var services = Services(checkpoint.Directory, log);
        using var spans = new TracedSpans();

        await foreach (var update in services.GetRequiredService<IChatClient>().GetStreamingResponseAsync("x"))
        {
            break;
        }

        Assert.Equal(ActivityStatusCode.Unset, Assert.Single(spans.Own).Status);
        Assert.Single(log.Of(24));
        Assert.Empty(log.Of(22));
    }

    [Fact]
    public async Task Log_tells_of_requests_but_never_what_they_say()
    {
        var log = new LogRecords();
        await using var services = Services(log: log);

        var response = await services.GetRequiredService<IChatClient>().GetResponseAsync(TestModels.User(Utterance), new ChatOptions { Instructions = "Parse." });

        Assert.Matches(@"^Answering a prompt of \d+ tokens with topv2-parser\.$", log.Of(20).Single().Message);
        var answered = log.Of(21).Single();
        Assert.StartsWith(
            $"Answered {response.ResponseId} with topv2-parser: {response.Usage!.OutputTokenCount} tokens (stop) to a prompt of {response.Usage.InputTokenCount}, in ",
            answered.Message,
            StringComparison.Ordinal);
        Assert.Equal(LogLevel.Debug, answered.Level);
        Assert.DoesNotContain(log.All, entry => entry.Message.Contains("alex", StringComparison.Ordinal) || entry.Message.Contains("Parse.", StringComparison.Ordinal));
        Assert.DoesNotContain(log.All, entry => entry.Id.Id == 0);
    }

    [Fact]
    public void Answer_that_nobody_would_know_of_is_left_alone()
    {
        using var meter = new Meter("unheard");
        var telemetry = new RequestTelemetry("model", new Instruments(meter), NullLogger.Instance);
        var answer = AsyncEnumerable.Empty<ChatResponseUpdate>();

        Assert.Same(answer, telemetry.Observe(new ChatRequest([1], new DecodingOptions(), []), TimeSpan.Zero, observation =>
        {
            Assert.Null(observation);
            return answer;
        }));
    }

    private static ServiceProvider Services(string? modelPath = null, LogRecords? log = null, Action<IServiceCollection>? configure = null)
    {
        var services = new ServiceCollection()
            .AddMetrics()
            .AddLogging(logging => logging.SetMinimumLevel(LogLevel.Trace).AddProvider(log ?? new LogRecords()))
            .AddLayerSkipChatClient(options => options.ModelPath = modelPath ?? TestModels.ParserPath);
        configure?.Invoke(services);
        return services.BuildServiceProvider();
    }

    private static ChatOptions Failing() => new()
    {
        RawRepresentationFactory = _ => new DecodingOptions { LogitsProcessors = [new Throwing()] },
    };

    private static IEnumerable<Activity> Ancestors(Activity? activity)
    {
        for (activity = activity?.Parent; activity is not null; activity = activity.Parent)
        {
            yield return activity;
        }
    }

    private sealed class Throwing : ILogitsProcessor
    {
        public void Process(ReadOnlySpan<int> context, Span<float> logits) => throw new InvalidTimeZoneException();
    }
}
