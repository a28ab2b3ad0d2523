using LayerSkip.AI.ChatTemplates;
using LayerSkip.Engine;
using LayerSkip.Engine.Scheduling;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Tests;

/// <summary>A conversation's next turn computes what is new in it, and usage says so.</summary>
public class PrefixReuseTests
{
    private const string ChatMl =
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

    [Fact]
    public async Task Second_turn_of_a_long_history_reads_its_new_tokens_alone()
    {
        // A token a byte, so that the answer's text comes back as the tokens that the model wrote.
        using var client = Client(new string('a', 300), "yes");
        List<ChatMessage> messages = [new(ChatRole.System, "You are brief."), new(ChatRole.User, new string('q', 250))];
        var first = await client.GetResponseAsync(messages);
        messages.AddMessages(first);
        messages.Add(new(ChatRole.User, "Is that so?"));

        var second = await client.GetResponseAsync(messages);

        Assert.Equal("yes", second.Text);
        Assert.Equal(0, first.Usage!.CachedInputTokenCount);
        Assert.InRange(first.Usage.TotalTokenCount!.Value, 500, 700);

        // All of the first turn but its end-of-sequence token, which ended it and has not run.
        Assert.Equal(first.Usage.TotalTokenCount - 1, second.Usage!.CachedInputTokenCount);
        Assert.InRange(second.Usage.InputTokenCount!.Value - second.Usage.CachedInputTokenCount!.Value, "Is that so?".Length, "Is that so?".Length + 40);
        Assert.Equal(second.Usage.InputTokenCount + second.Usage.OutputTokenCount, second.Usage.TotalTokenCount);
    }

    [Fact]
    public async Task Scopes_keep_users_apart()
    {
        using var client = Client("one", "two", "three", "four");
        async Task<long?> Cached(string? scope)
        {
            var options = scope is null ? new ChatOptions() : new ChatOptions().WithPrefixScope(scope);
            return (await client.GetResponseAsync(TestModels.User("the same question"), options)).Usage!.CachedInputTokenCount;
        }

        Assert.Equal(0, await Cached("alice"));
        Assert.Equal(0, await Cached("bob"));
        Assert.Equal(0, await Cached(null));
        Assert.NotEqual(0, await Cached("alice"));
    }

    [Fact]
    public async Task Reuse_can_be_turned_off()
    {
        using var client = LayerSkipChatClient.Load(new LayerSkipOptions { ModelPath = TestModels.ParserPath, IdleKvCacheBudget = 0 });
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal(0, (await client.GetResponseAsync(TestModels.User("Turn off alarms"))).Usage!.CachedInputTokenCount);
        }

        Assert.Equal(0, client.Engine().KvBytesIdle);
    }

    [Fact]
    public async Task Too_many_requests_are_refused_when_the_stream_is_read()
    {
        using var checkpoint = TestModels.WriteEndless();
        using var client = LayerSkipChatClient.Load(
            new LayerSkipOptions { ModelPath = checkpoint.Directory, MaxConcurrentRequests = 1, MaxQueuedRequests = 0 });
        await using var running = client.GetStreamingResponseAsync(TestModels.User("x")).GetAsyncEnumerator(TestContext.Current.CancellationToken);
        Assert.True(await running.MoveNextAsync());

        var refused = client.GetStreamingResponseAsync(TestModels.User("x"));

        await Assert.ThrowsAsync<RequestQueueFullException>(() => refused.ToChatResponseAsync());
    }

    private static LayerSkipChatClient Client(params string[] answers) =>
        new(new LayerSkipEngine(ScriptedModel.Create(answers), ownsModel: true), ChatTemplate.Parse(ChatMl), ownsEngine: true);
}
