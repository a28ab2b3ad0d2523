using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Parsing.Grounding;
using LayerSkip.Parsing.Tests.Tools;
using LayerSkip.Tests;
using Microsoft.Extensions.AI;

namespace LayerSkip.Parsing.Tests.Grounding;

/// <summary>What the client asks of the parser; what comes of it stands in the integration tests.</summary>
public sealed class GroundedFrameChatClientTests : IDisposable
{
    private const string Frame = "[IN:SILENCE_ALARM ]";

    private static readonly Tokenizer s_tokenizer = Tokenizer.Load(Path.Combine(SharedData.RepositoryRoot, "models", "topv2-parser"));

    private readonly ScriptedParser _parser = new(Frame);

    public void Dispose() => _parser.Dispose();

    [Fact]
    public async Task Requests_bring_the_constraint_of_the_last_thing_said_and_all_else_that_they_had()
    {
        ChatMessage[] messages = [new(ChatRole.User, "hello"), new(ChatRole.Assistant, "[IN:A ]"), new(ChatRole.User, "stop the alarm")];
        var given = new ChatOptions
        {
            MaxOutputTokens = 9,
            RawRepresentationFactory = _ => new DecodingOptions { ExitLayer = 3 },
        };
        var factory = given.RawRepresentationFactory;
        using var client = new GroundedFrameChatClient(_parser);
        var token = TestContext.Current.CancellationToken;

        var response = await client.GetResponseAsync(messages, given, token);
        var streamed = await client.GetStreamingResponseAsync(messages, given, token).ToChatResponseAsync(token);

        Assert.Equal((Frame, Frame), (response.Text, streamed.Text));
        Assert.Same(factory, given.RawRepresentationFactory);
        Assert.Equal(2, _parser.Requests.Count);
        foreach (var (asked, options) in _parser.Requests)
        {
            Assert.Equal(messages, asked);
            Assert.Equal(9, options!.MaxOutputTokens);
            using var engine = new WithTokenizer(_parser);
            var decoding = Assert.IsType<DecodingOptions>(options.RawRepresentationFactory!(engine));
            Assert.Equal(3, decoding.ExitLayer);
            Assert.False(Assert.IsType<TokenConstraint>(decoding.Constraint).TakesCertainText);
        }
    }

    [Fact]
    public async Task Requests_that_say_nothing_pass_as_they_are()
    {
        using var client = new GroundedFrameChatClient(_parser);
        var options = new ChatOptions();

        await client.GetResponseAsync([new(ChatRole.System, "parse")], options, TestContext.Current.CancellationToken);
        await client.GetResponseAsync([new(ChatRole.System, "parse")], null, TestContext.Current.CancellationToken);

        Assert.Equal([options, null], _parser.Requests.Select(request => request.Options));
    }

    [Fact]
    public async Task A_constraint_of_the_callers_own_stays_and_what_is_for_other_clients_does_not()
    {
        using var client = new GroundedFrameChatClient(_parser);
        using var engine = new WithTokenizer(_parser);
        var own = new DecodingOptions { Constraint = new TokenConstraint(new Grammar().Literal("x"), s_tokenizer) };

        Assert.Same(own, await Asked(own));
        Assert.NotNull(Assert.IsType<DecodingOptions>(await Asked("another client's")).Constraint);

        async Task<object?> Asked(object raw)
        {
            await client.GetResponseAsync("stop", new() { RawRepresentationFactory = _ => raw }, TestContext.Current.CancellationToken);
            return _parser.Requests[^1].Options!.RawRepresentationFactory!(engine);
        }
    }

    [Fact]
    public async Task A_client_without_a_tokenizer_is_an_error_that_says_so()
    {
        using var client = new GroundedFrameChatClient(_parser);
        await client.GetResponseAsync("stop", cancellationToken: TestContext.Current.CancellationToken);

        var error = Assert.Throws<InvalidOperationException>(() => _parser.Requests[^1].Options!.RawRepresentationFactory!(_parser));

        Assert.Contains(nameof(ScriptedParser), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_to_answer_is_refused()
    {
        using var client = new GroundedFrameChatClient(_parser);

        await Assert.ThrowsAsync<ArgumentNullException>("messages", () => client.GetResponseAsync((IEnumerable<ChatMessage>)null!));
        Assert.Throws<ArgumentNullException>("messages", () => client.GetStreamingResponseAsync((IEnumerable<ChatMessage>)null!));
    }

    private sealed class WithTokenizer(IChatClient client) : DelegatingChatClient(client)
    {
        public override object? GetService(Type serviceType, object? serviceKey = null) =>
            serviceType == typeof(Tokenizer) ? s_tokenizer : base.GetService(serviceType, serviceKey);
    }
}
