using System.Net.ServerSentEvents;
using System.Text.Json;
using Microsoft.Extensions.AI;

namespace WebApi.OpenAI;

/// <summary>The routes that clients of OpenAI's API ask.</summary>
internal static class CompletionEndpoints
{
    public static void MapCompletions(this IEndpointRouteBuilder routes)
    {
        var started = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        routes.MapGet("/v1/models", (IChatClient client) => new ModelList("list", [Model(client, started)]));
        routes.MapGet("/v1/models/{model}", (string model, IChatClient client) =>
        {
            ModelNotFoundException.ThrowIfNot(ModelId(client), model);
            return Model(client, started);
        });
        routes.MapPost("/v1/chat/completions", static async Task<IResult> (CompletionRequest request, HttpContext caller, IChatClient client, CancellationToken cancellationToken) =>
        {
            ModelNotFoundException.ThrowIfNot(ModelId(client), request.Model);

            var (messages, options) = (RequestReader.Messages(request), RequestReader.Options(request).For(caller));
            if (request.Stream != true)
            {
                return TypedResults.Ok(AnswerWriter.Whole(await client.GetResponseAsync(messages, options, cancellationToken)));
            }

            var updates = await client.GetStreamingResponseAsync(messages, options, cancellationToken).StartAsync(cancellationToken);
            return TypedResults.ServerSentEvents(Events(updates, request.StreamOptions?.IncludeUsage == true).TellFailure());
        });
    }

    /// <param name="client">Whose model.</param>
    /// <param name="created">When it came to be, in seconds since 1970: clients demand it, and checkpoints do not say.</param>
    private static ModelEntry Model(IChatClient client, long created) => new(ModelId(client), "model", created, "layerskip");

    private static string ModelId(IChatClient client) => client.GetService<ChatClientMetadata>()?.DefaultModelId ?? string.Empty;

    private static async IAsyncEnumerable<SseItem<string>> Events(IAsyncEnumerable<ChatResponseUpdate> updates, bool includeUsage)
    {
        var (calls, logProbabilities) = (0, 0);
        var usage = new UsageDetails();
        Completion? empty = null;
        await foreach (var update in updates)
        {
            foreach (var content in update.Contents.OfType<UsageContent>())
            {
                usage.Add(content.Details);
            }

            var choice = AnswerWriter.Choice(update, isFirst: empty is null, calls, logProbabilities);
            if (choice is { FinishReason: not null } or { Delta: { Content: not null } or { ReasoningContent: not null } or { ToolCalls: not null } })
            {
                calls += choice.Delta!.ToolCalls?.Count ?? 0;
                logProbabilities += AnswerWriter.CountLogProbabilities(choice);
                empty ??= AnswerWriter.EmptyPiece(update);
                yield return Event(empty with { Choices = [choice] });
            }
        }

        if (includeUsage && empty is not null)
        {
            yield return Event(empty with { Usage = AnswerWriter.Usage(usage) });
        }

        yield return new SseItem<string>("[DONE]");
    }

    private static SseItem<string> Event(Completion piece) => new(JsonSerializer.Serialize(piece, Wire.Default.Completion));
}
