using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;

namespace LayerSkip.Parsing.Tests.Tools;

/// <summary>Answers with given texts in turn, in two pieces each, and remembers what it was asked.</summary>
internal sealed class ScriptedParser(params string[] answers) : IChatClient
{
    public ChatFinishReason FinishReason { get; init; } = ChatFinishReason.Stop;

    public List<(List<ChatMessage> Messages, ChatOptions? Options)> Requests { get; } = [];

    public Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        GetStreamingResponseAsync(messages, options, cancellationToken).ToChatResponseAsync(cancellationToken);

    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await Task.Yield();
        cancellationToken.ThrowIfCancellationRequested();
        var answer = answers[Requests.Count % answers.Length];
        Requests.Add(([.. messages], options));
        yield return Update("m1", new TextContent(answer[..(answer.Length / 2)]));
        yield return Update("m1", new TextContent(answer[(answer.Length / 2)..]));
        var last = Update("m1", new UsageContent(new() { InputTokenCount = 7, OutputTokenCount = 5, TotalTokenCount = 12 }));
        last.FinishReason = FinishReason;
        yield return last;
        var statistics = Update(null);
        statistics.AdditionalProperties = new() { ["acceptance_rate"] = 0.5 };
        yield return statistics;
    }

    public object? GetService(Type serviceType, object? serviceKey = null) =>
        serviceType == typeof(ChatClientMetadata) ? new ChatClientMetadata("scripted", null, "scripted-model") : null;

    public void Dispose()
    {
    }

    private static ChatResponseUpdate Update(string? messageId, params AIContent[] contents) => new(ChatRole.Assistant, [.. contents])
    {
        ResponseId = "r1",
        MessageId = messageId,
        ModelId = "scripted-model",
        CreatedAt = DateTimeOffset.UnixEpoch.AddDays(1),
    };
}
