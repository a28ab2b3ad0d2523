using System.Text.Json.Serialization;
using Microsoft.Extensions.AI;

namespace WebApi;

/// <summary>The body of <c>POST /chat</c> and <c>/chat/stream</c>.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record ChatInput
{
    public IReadOnlyList<ChatTurn?>? Messages { get; init; }

    public float? Temperature { get; init; }

    public int? MaxOutputTokens { get; init; }

    public static ValueTask<ChatInput?> BindAsync(HttpContext caller) => RequestBody.ReadAsync(caller, Wire.Default.ChatInput);

    /// <exception cref="ArgumentException">There is no message, or one has no role, or another than system, user and assistant; or a user says nothing.</exception>
    public List<ChatMessage> ToMessages() => Messages is { Count: > 0 }
        ? [.. Messages.Select(static (turn, i) =>
        {
            var role = SpeakerRole.Read(turn?.Role, $"messages[{i}].role", takesTools: false);
            return new ChatMessage(role, SpeakerRole.RequireText(role, turn!.Content, $"messages[{i}].content"));
        })]
        : throw new ArgumentException("messages is missing or empty, expected at least one.");

    /// <exception cref="ArgumentException">There are to be too many tokens, or none.</exception>
    public ChatOptions ToOptions() => new() { Temperature = Temperature, MaxOutputTokens = RequestLimits.RequireTokens(MaxOutputTokens, "max_output_tokens") };
}
