using System.Net.ServerSentEvents;
using System.Text.Json;
using Microsoft.Extensions.AI;

namespace WebApi;

/// <summary>The application's own routes: <c>/chat</c> answers at once, <c>/chat/stream</c> as the model writes.</summary>
internal static class ChatEndpoints
{
    public static void MapChat(this IEndpointRouteBuilder routes)
    {
        // The token is cancelled when the caller hangs up: the engine stops, and the request's memory is free.
        routes.MapPost("/chat", static async (ChatInput input, HttpContext caller, IChatClient client, CancellationToken cancellationToken) =>
            ChatOutput.Of(await client.GetResponseAsync(input.ToMessages(), input.ToOptions().For(caller), cancellationToken)));

        routes.MapPost("/chat/stream", static async (ChatInput input, HttpContext caller, IChatClient client, CancellationToken cancellationToken) =>
        {
            var updates = client.GetStreamingResponseAsync(input.ToMessages(), input.ToOptions().For(caller), cancellationToken);
            return TypedResults.ServerSentEvents(Events(await updates.StartAsync(cancellationToken)).TellFailure("error"));
        });
    }

    private static async IAsyncEnumerable<SseItem<string>> Events(IAsyncEnumerable<ChatResponseUpdate> updates)
    {
        var all = new List<ChatResponseUpdate>();
        await foreach (var update in updates)
        {
            all.Add(update);
            if (update.Text.Length > 0)
            {
                yield return Event("text", new ChatOutput { Text = update.Text });
            }
        }

        yield return Event("end", ChatOutput.Of(all.ToChatResponse()) with { Text = null });
    }

    /// <summary>An event that has what it says alone, and no nulls.</summary>
    private static SseItem<string> Event(string type, ChatOutput output) => new(JsonSerializer.Serialize(output, Wire.Default.ChatOutput), type);
}
