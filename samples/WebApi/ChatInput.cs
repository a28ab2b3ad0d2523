using Microsoft.Extensions.AI;

namespace WebApi;

/// <summary>The body of <c>POST /chat</c> and <c>/chat/stream</c>.</summary>
internal sealed record ChatInput
{
    public required IReadOnlyList<ChatTurn?>? Messages { get; init; }

    public float? Temperature { get; init; }

    public int? MaxOutputTokens { get; init; }

    /// <exception cref="ArgumentException">There is no message, or one has no role, or another than system, user and assistant.</exception>
    public List<ChatMessage> ToMessages() => Messages is { Count: > 0 }
        ? [.. Messages.Select(static (turn, i) => new ChatMessage(SpeakerRole.Read(turn?.Role, $"messages[{i}].role", takesTools: false), turn?.Content))]
        : throw new ArgumentException("messages is empty, expected at least one.");

    public ChatOptions ToOptions() => new() { Temperature = Temperature, MaxOutputTokens = MaxOutputTokens };
}
