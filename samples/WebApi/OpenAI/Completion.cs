using System.Text.Json;
using System.Text.Json.Serialization;

namespace WebApi.OpenAI;

/// <summary>An answer, or a piece of one.</summary>
internal sealed record Completion
{
    public required string Id { get; init; }

    /// <summary><c>chat.completion</c>, or <c>chat.completion.chunk</c> for a piece.</summary>
    public required string Object { get; init; }

    /// <summary>Seconds since 1970.</summary>
    public required long Created { get; init; }

    public required string Model { get; init; }

    public required IReadOnlyList<Choice> Choices { get; init; }

    public CompletionUsage? Usage { get; init; }
}

/// <summary>The one choice; a whole answer has a message, a piece a delta.</summary>
internal sealed record Choice(
    int Index,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] AnswerMessage? Message,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] AnswerMessage? Delta,
    string? FinishReason,
    JsonElement? Logprobs);

/// <summary>What is said; reasoning stands where those servers have it whose models reason aloud, for OpenAI's do not.</summary>
internal sealed record AnswerMessage(
    string? Role,
    string? Content,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? ReasoningContent,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<WireToolCall>? ToolCalls);

internal sealed record CompletionUsage(
    long PromptTokens, long CompletionTokens, long TotalTokens, PromptTokensDetails PromptTokensDetails, CompletionTokensDetails CompletionTokensDetails);

internal sealed record PromptTokensDetails(long CachedTokens);

internal sealed record CompletionTokensDetails(long ReasoningTokens, long AcceptedPredictionTokens, long RejectedPredictionTokens);

internal sealed record ModelList(string Object, IReadOnlyList<ModelEntry> Data);

internal sealed record ModelEntry(string Id, string Object, long Created, string OwnedBy);
