using LayerSkip.AI;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.Engine.Scheduling;
using LayerSkip.Integrations.Tests;
using LayerSkip.Tests;
using Microsoft.Extensions.AI;

[assembly: AssemblyFixture(typeof(Parser))]

namespace LayerSkip.Integrations.Tests;

/// <summary>The trained semantic parser that comes with the repository, loaded once.</summary>
public sealed class Parser : IDisposable
{
    public const string Utterance = "remind me to call mom at 5 pm";
    public const string Frame = " [IN:CREATE_REMINDER [SL:PERSON_REMINDED me ] [SL:TODO call mom ] [SL:DATE_TIME at 5 pm ] ]";

    public static string ModelPath { get; } = System.IO.Path.Combine(SharedData.RepositoryRoot, "models", "topv2-parser");

    public Parser()
    {
        Client = LayerSkipChatClient.Load(ModelPath);
        Undescribing = new LayerSkipChatClient(
            Client.GetService<LayerSkipEngine>()!, Client.GetService<ChatTemplate>(), new LayerSkipOptions { DescribeResponseFormat = false });
    }

    public LayerSkipChatClient Client { get; }

    /// <summary>
    /// A client of the same model that does not describe schemas: the parser's context of 256 tokens is too short for most descriptions, and
    /// it could make nothing of them.
    /// </summary>
    public LayerSkipChatClient Undescribing { get; }

    /// <summary>The client behind one that counts requests; pipelines may dispose it.</summary>
    public CountingClient Counting() => new(Client);

    public void Dispose()
    {
        Undescribing.Dispose();
        Client.Dispose();
    }
}

/// <summary>Counts requests, keeps their options and the client's life to itself.</summary>
public sealed class CountingClient(IChatClient client) : DelegatingChatClient(client)
{
    public List<ChatOptions?> Requests { get; } = [];

    public override Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        Requests.Add(options);
        return base.GetResponseAsync(messages, options, cancellationToken);
    }

    public override IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        Requests.Add(options);
        return base.GetStreamingResponseAsync(messages, options, cancellationToken);
    }

#pragma warning disable CA2215 // The fixture's client outlives every pipeline.
    protected override void Dispose(bool disposing)
    {
    }
#pragma warning restore CA2215
}
