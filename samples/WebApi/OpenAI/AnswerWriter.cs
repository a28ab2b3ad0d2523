using System.Text.Json;
using Microsoft.Extensions.AI;

namespace WebApi.OpenAI;

/// <summary>Turns responses into answers of OpenAI's API.</summary>
internal static class AnswerWriter
{
    public static Completion Whole(ChatResponse response)
    {
        List<AIContent> contents = [.. response.Messages.SelectMany(static message => message.Contents)];
        var calls = Calls(contents, 0);
        var text = response.Text;
        return Empty(response.ResponseId, response.CreatedAt, response.ModelId, "chat.completion") with
        {
            Choices =
            [
                new Choice(
                    0,
                    new AnswerMessage("assistant", text.Length > 0 || calls is null ? text : null, Reasoning(contents), calls),
                    null,
                    response.FinishReason?.Value ?? "stop",
                    LogProbabilities(response.Messages.LastOrDefault()?.AdditionalProperties)),
            ],
            Usage = response.Usage is { } usage ? Usage(usage) : null,
        };
    }

    /// <summary>A stream's pieces without what they hold: all have the first update's names.</summary>
    public static Completion EmptyPiece(ChatResponseUpdate first) => Empty(first.ResponseId, first.CreatedAt, first.ModelId, "chat.completion.chunk");

    /// <summary>What a piece of a stream holds.</summary>
    /// <param name="update">What the client gave.</param>
    /// <param name="isFirst">The first piece says who speaks.</param>
    /// <param name="callsBefore">How many calls came before it.</param>
    /// <param name="logProbabilitiesBefore">How many tokens' log-probabilities came before it.</param>
    public static Choice Choice(ChatResponseUpdate update, bool isFirst, int callsBefore, int logProbabilitiesBefore)
    {
        var reasoning = Reasoning(update.Contents);
        var content = update.Text.Length > 0 || (isFirst && reasoning is null) ? update.Text : null;
        var logProbabilities = LogProbabilities(update.AdditionalProperties);
        return new(
            0,
            null,
            new AnswerMessage(isFirst ? "assistant" : null, content, reasoning, Calls(update.Contents, callsBefore)),
            update.FinishReason?.Value,
            update.FinishReason is null ? logProbabilities : Rest(logProbabilities, logProbabilitiesBefore));
    }

    /// <summary>How many tokens' log-probabilities a piece has.</summary>
    public static int CountLogProbabilities(Choice choice) => choice.Logprobs?.GetProperty("content").GetArrayLength() ?? 0;

    public static CompletionUsage Usage(UsageDetails usage)
    {
        var counts = usage.AdditionalCounts ?? [];
        return new CompletionUsage(
            usage.InputTokenCount ?? 0,
            usage.OutputTokenCount ?? 0,
            usage.TotalTokenCount ?? 0,
            new PromptTokensDetails(usage.CachedInputTokenCount ?? 0),
            new CompletionTokensDetails(
                usage.ReasoningTokenCount ?? 0,
                counts.GetValueOrDefault("OutputTokenDetails.AcceptedPredictionTokenCount"),
                counts.GetValueOrDefault("OutputTokenDetails.RejectedPredictionTokenCount")));
    }

    private static Completion Empty(string? id, DateTimeOffset? createdAt, string? model, string kind) => new()
    {
        Id = "chatcmpl-" + id,
        Object = kind,
        Created = (createdAt ?? DateTimeOffset.UtcNow).ToUnixTimeSeconds(),
        Model = model ?? string.Empty,
        Choices = [],
    };

    /// <summary>The client gives them in OpenAI's shape, where a request asks by <c>logprobs</c> and <c>top_logprobs</c>.</summary>
    private static JsonElement? LogProbabilities(AdditionalPropertiesDictionary? properties) => properties?.GetValueOrDefault("logprobs") as JsonElement?;

    /// <summary>The last update has those of all tokens again: what is left of them are those of tokens that no text came with, such as the one that ends it.</summary>
    private static JsonElement? Rest(JsonElement? all, int before)
    {
        string[] rest = [.. all?.GetProperty("content").EnumerateArray().Skip(before).Select(static token => token.GetRawText()) ?? []];
        return rest.Length > 0 ? JsonElement.Parse($$"""{"content":[{{string.Join(',', rest)}}]}""") : null;
    }

    private static string? Reasoning(IEnumerable<AIContent> contents) =>
        string.Concat(contents.OfType<TextReasoningContent>().Select(static content => content.Text)) is { Length: > 0 } reasoning ? reasoning : null;

    private static List<WireToolCall>? Calls(IEnumerable<AIContent> contents, int callsBefore)
    {
        List<WireToolCall> calls = [.. contents.OfType<FunctionCallContent>().Select((call, i) => new WireToolCall(
            call.CallId,
            "function",
            new WireFunctionCall(
                call.Name,
                call.Arguments is null ? "{}" : JsonSerializer.Serialize(call.Arguments, AIJsonUtilities.DefaultOptions.GetTypeInfo(typeof(IDictionary<string, object?>)))),
            callsBefore + i))];
        return calls.Count > 0 ? calls : null;
    }
}
