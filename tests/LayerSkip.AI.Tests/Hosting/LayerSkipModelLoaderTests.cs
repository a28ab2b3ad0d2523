using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Scheduling;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace LayerSkip.AI.Tests.Hosting;

public class LayerSkipModelLoaderTests
{
    private const string Answer = " [IN:SILENCE_ALARM ]";

    [Fact]
    public async Task Requests_that_come_while_the_model_loads_wait_for_it()
    {
        var log = new LogRecords();
        using var loading = new GatedLoading(log);
        using var client = new LayerSkipChatClient(loading.Loader);
        Assert.Equal(LayerSkipLoadState.NotStarted, loading.Loader.State);
        Assert.Equal("topv2-parser", ((ChatClientMetadata)client.GetService(typeof(ChatClientMetadata))!).DefaultModelId);

        var messages = new List<ChatMessage> { new(ChatRole.User, "Turn off alarms") };
        var options = new ChatOptions { MaxOutputTokens = 90 };
        var whole = client.GetResponseAsync(messages, options);
        var streamed = client.Updates("Turn off alarms");
        await loading.Entered;
        Assert.Equal((LayerSkipLoadState.Loading, 0.5), (loading.Loader.State, loading.Loader.Progress));
        Assert.Null(loading.Loader.Error);
        Assert.False(whole.IsCompleted);
        Assert.False(streamed.IsCompleted);

        // What a caller does with his objects after the call is not the request's.
        messages.Clear();
        options.MaxOutputTokens = 1;
        loading.Open();

        Assert.Equal(Answer, (await whole).Text);
        Assert.Equal(Answer, (await streamed).ToChatResponse().Text);
        Assert.Equal((LayerSkipLoadState.Ready, 1.0), (loading.Loader.State, loading.Loader.Progress));
        Assert.Same(client.Engine(), await loading.Loader.WaitAsync());
        Assert.Equal(client.Engine().Model.Name, loading.Loader.ModelId);
        Assert.Equal(1, loading.Loads);

        Assert.Equal("Loading the model topv2-parser.", Assert.Single(log.Of(10)).Message);
        Assert.Equal(["Loading the model topv2-parser: 20 %.", "Loading the model topv2-parser: 50 %."], log.Of(11).Take(2).Select(entry => entry.Message));
        Assert.Matches(@"^Loaded the model topv2-parser on cpu \(.*\): \d+ bytes of weights as BF16, in \d+ ms\.$", Assert.Single(log.Of(12)).Message);
    }

    [Fact]
    public async Task Failed_load_is_logged_once_and_every_request_reports_it()
    {
        var log = new LogRecords();
        var cause = new CheckpointException("config.json: hidden_size is missing");
        using var loading = new GatedLoading(log, cause);
        using var client = new LayerSkipChatClient(loading.Loader);

        var early = client.Answer("x");
        await loading.Entered;
        loading.Open();

        var errors = new[]
        {
            await Assert.ThrowsAsync<InvalidOperationException>(() => early),
            await Assert.ThrowsAsync<InvalidOperationException>(() => client.Answer("x")),
            await Assert.ThrowsAsync<InvalidOperationException>(() => client.Updates("x")),
            await Assert.ThrowsAsync<InvalidOperationException>(() => loading.Loader.WaitAsync()),
            Assert.Throws<InvalidOperationException>(() => client.GetService(typeof(LayerSkipEngine))),
        };

        Assert.All(errors, error =>
        {
            Assert.Equal("The model 'topv2-parser' could not be loaded: config.json: hidden_size is missing", error.Message);
            Assert.Same(cause, error.InnerException);
        });
        Assert.Equal(errors.Length, errors.Distinct().Count());
        Assert.Equal(LayerSkipLoadState.Failed, loading.Loader.State);
        Assert.Same(cause, loading.Loader.Error);
        Assert.Equal(1, loading.Loads);
        var entry = Assert.Single(log.Of(13));
        Assert.Equal((LogLevel.Error, cause), (entry.Level, entry.Error));
        Assert.Equal("The model topv2-parser could not be loaded: config.json: hidden_size is missing", entry.Message);
    }

    [Fact]
    public async Task Failed_load_is_tried_again_by_a_later_request_or_when_it_is_asked_for()
    {
        var log = new LogRecords();
        using var loading = new GatedLoading(log, new CheckpointException("config.json: torn"), failures: 3);
        using var client = new LayerSkipChatClient(loading.Loader);
        loading.Open();
        await Assert.ThrowsAsync<InvalidOperationException>(() => client.Answer("x"));

        loading.Time.Pass(TimeSpan.FromSeconds(4.9));
        await Assert.ThrowsAsync<InvalidOperationException>(() => client.Answer("x"));
        Assert.Equal(1, loading.Loads);

        loading.Time.Pass(TimeSpan.FromSeconds(0.1));
        await Assert.ThrowsAsync<InvalidOperationException>(() => client.Answer("x"));
        Assert.Equal(2, loading.Loads);

        // The second failure is waited for twice as long.
        loading.Time.Pass(TimeSpan.FromSeconds(9.9));
        await Assert.ThrowsAsync<InvalidOperationException>(() => client.Answer("x"));
        Assert.Equal(2, loading.Loads);

        // Asked to, the loader does not wait.
        loading.Loader.Start();
        await Assert.ThrowsAsync<InvalidOperationException>(() => loading.Loader.WaitAsync());
        Assert.Equal((3, LayerSkipLoadState.Failed), (loading.Loads, loading.Loader.State));
        Assert.Equal(3, log.Of(13).Count());

        loading.Time.Pass(TimeSpan.FromSeconds(20));
        Assert.Equal(Answer, await client.Answer("Turn off alarms"));
        Assert.Equal((4, LayerSkipLoadState.Ready, null), (loading.Loads, loading.Loader.State, loading.Loader.Error));
        loading.Loader.Start();
        Assert.Equal(4, loading.Loads);
    }

    [Fact]
    public async Task No_more_requests_wait_for_the_model_than_the_engine_would_take()
    {
        using var loading = new GatedLoading(limits: new() { MaxConcurrentRequests = 1, MaxQueuedRequests = 1 });
        using var client = new LayerSkipChatClient(loading.Loader);
        using var generator = new LayerSkipEmbeddingGenerator(loading.Loader);
        using var cancellation = new CancellationTokenSource();

        var waiting = client.Answer("Turn off alarms");
        var impatient = client.Updates("Turn off alarms", cancellationToken: cancellation.Token);
        var error = await Assert.ThrowsAsync<RequestQueueFullException>(() => client.Answer("x"));
        Assert.Contains("MaxQueuedRequests (1)", error.Message);
        await Assert.ThrowsAsync<RequestQueueFullException>(() => generator.GenerateAsync(["x"]));

        // Who leaves makes room.
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => impatient);
        var embeddings = generator.GenerateAsync(["x"]);
        loading.Open();
        Assert.Equal(Answer, await waiting);
        Assert.Single(await embeddings);
    }

    [Fact]
    public async Task Request_that_waits_for_the_model_can_be_cancelled_without_harm_to_the_others()
    {
        using var loading = new GatedLoading();
        using var client = new LayerSkipChatClient(loading.Loader);
        using var cancellation = new CancellationTokenSource();

        var patient = client.Answer("Turn off alarms");
        var impatient = client.Updates("Turn off alarms", cancellationToken: cancellation.Token);
        await loading.Entered;
        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => impatient);
        Assert.Equal(LayerSkipLoadState.Loading, loading.Loader.State);
        loading.Open();
        Assert.Equal(Answer, await patient);
    }

    [Fact]
    public async Task Disposal_ends_a_loading_and_what_waits_for_it()
    {
        var log = new LogRecords();
        var loading = new GatedLoading(log);
        using var client = new LayerSkipChatClient(loading.Loader);
        var waiting = client.Answer("x");
        await loading.Entered;

        loading.Dispose();
        loading.Dispose();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.Answer("x"));
        Assert.Throws<ObjectDisposedException>(loading.Loader.Start);
        Assert.Empty(log.Of(13));
        Assert.Single(log.Of(14));
    }

    [Fact]
    public async Task Disposal_frees_the_loaded_engine()
    {
        var loading = new GatedLoading();
        loading.Open();
        var engine = await loading.Loader.WaitAsync();

        loading.Dispose();

        Assert.Throws<ObjectDisposedException>(() => engine.Generate([1]));
    }

    [Fact]
    public async Task Argument_errors_do_not_wait_for_the_model()
    {
        using var loading = new GatedLoading();
        using (var client = new LayerSkipChatClient(loading.Loader))
        {
            Assert.Throws<ArgumentNullException>("messages", () => client.GetStreamingResponseAsync(null!));
            Assert.Contains("'another'", Assert.Throws<InvalidOperationException>(() => Ask(new() { ModelId = "another" })).Message);
            Assert.Contains("'a chat'", Assert.Throws<NotSupportedException>(() => Ask(new() { ConversationId = "a chat" })).Message);
            Assert.Throws<NotSupportedException>(() => Ask(new() { ContinuationToken = ResponseContinuationToken.FromBytes(new byte[] { 1 }) }));
            Assert.Equal(0, loading.Loads);
            void Ask(ChatOptions options) => client.GetStreamingResponseAsync(TestModels.User("x"), options);

            // What only the model tells to be wrong.
            var deep = client.GetResponseAsync(TestModels.User("x"), new ChatOptions().WithExitLayer(99));
            loading.Open();
            Assert.Contains("ExitLayer", (await Assert.ThrowsAnyAsync<ArgumentException>(() => deep)).Message);
            client.Dispose();
            Assert.Throws<ObjectDisposedException>(() => client.GetStreamingResponseAsync(TestModels.User("x")));
        }
    }

    [Fact]
    public async Task Client_loads_without_a_container_and_stops_where_it_is_told_to()
    {
        using var cancellation = new CancellationTokenSource();
        var options = new LayerSkipOptions { ModelPath = TestModels.ParserPath };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => LayerSkipChatClient.LoadAsync(options, progress: new CancelAtOnce(cancellation), cancellationToken: cancellation.Token));
        Assert.Throws<ArgumentNullException>("options", () => { _ = LayerSkipChatClient.LoadAsync(null!); });

        using var client = await LayerSkipChatClient.LoadAsync(options);
        Assert.Equal(Answer, await client.Answer("Turn off alarms"));
    }

    private sealed class CancelAtOnce(CancellationTokenSource cancellation) : IProgress<double>
    {
        public void Report(double value) => cancellation.Cancel();
    }
}
