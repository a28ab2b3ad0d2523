using Microsoft.Extensions.AI;

namespace WebApi;

/// <summary>The body of <c>POST /chat</c> and <c>/chat/stream</c>.</summary>
internal sealed record ChatInput
{
    public required IReadOnlyList<ChatTurn?>? Messages { get; init; }

    public float? Temperature { get; init; }

    public int? MaxOutputTokens { get; init; }

    /// <exception cref="ArgumentException">There is no message, or one has no role.</exception>
    public List<ChatMessage> ToMessages() => Messages is { Count: > 0 }
        ? [.. Messages.Select(static (turn, i) => string.IsNullOrWhiteSpace(turn?.Role)
            ? throw new ArgumentException($"messages[{i}].role is missing, expected system, user or assistant.")
            : new ChatMessage(new ChatRole(turn.Role), turn.Content))]
        : throw new ArgumentException("messages is empty, expected at least one.");

    public ChatOptions ToOptions() => new() { Temperature = Temperature, MaxOutputTokens = MaxOutputTokens };
}
