using System.Net.ServerSentEvents;
using Microsoft.Extensions.AI;

namespace WebApi;

/// <summary>The application's own routes: <c>/chat</c> answers at once, <c>/chat/stream</c> as the model writes.</summary>
internal static class ChatEndpoints
{
    public static void MapChat(this IEndpointRouteBuilder routes)
    {
        // The token is cancelled when the caller hangs up: the engine stops, and the request's memory is free.
        routes.MapPost("/chat", static async (ChatInput input, IChatClient client, CancellationToken cancellationToken) =>
            ChatOutput.Of(await client.GetResponseAsync(input.ToMessages(), input.ToOptions(), cancellationToken)));

        routes.MapPost("/chat/stream", static async (ChatInput input, IChatClient client, CancellationToken cancellationToken) =>
        {
            var updates = client.GetStreamingResponseAsync(input.ToMessages(), input.ToOptions(), cancellationToken);
            return TypedResults.ServerSentEvents(Events(await updates.StartAsync(cancellationToken)));
        });
    }

    private static async IAsyncEnumerable<SseItem<ChatOutput>> Events(IAsyncEnumerable<ChatResponseUpdate> updates)
    {
        var all = new List<ChatResponseUpdate>();
        await foreach (var update in updates)
        {
            all.Add(update);
            if (update.Text.Length > 0)
            {
                yield return new SseItem<ChatOutput>(new ChatOutput { Text = update.Text }, "text");
            }
        }

        yield return new SseItem<ChatOutput>(ChatOutput.Of(all.ToChatResponse()), "end");
    }
}

internal sealed record ChatTurn(string Role, string? Content);

internal sealed record ChatInput
{
    public required IReadOnlyList<ChatTurn> Messages { get; init; }

    public float? Temperature { get; init; }

    public int? MaxOutputTokens { get; init; }

    public IEnumerable<ChatMessage> ToMessages() => Messages.Count > 0
        ? Messages.Select(turn => new ChatMessage(new ChatRole(turn.Role), turn.Content))
        : throw new ArgumentException("messages is empty, expected at least one.");

    public ChatOptions ToOptions() => new() { Temperature = Temperature, MaxOutputTokens = MaxOutputTokens };
}

internal sealed record ChatOutput
{
    public required string Text { get; init; }

    public string? Model { get; init; }

    public string? FinishReason { get; init; }

    public long? InputTokens { get; init; }

    public long? OutputTokens { get; init; }

    /// <summary>The share of drafted tokens that were right.</summary>
    public double? AcceptanceRate { get; init; }

    public static ChatOutput Of(ChatResponse response) => new()
    {
        Text = response.Text,
        Model = response.ModelId,
        FinishReason = response.FinishReason?.Value,
        InputTokens = response.Usage?.InputTokenCount,
        OutputTokens = response.Usage?.OutputTokenCount,
        AcceptanceRate = response.AdditionalProperties?.GetValueOrDefault("acceptance_rate") as double?,
    };
}
