using Microsoft.Extensions.AI;

namespace WebApi;

/// <summary>An answer, or a piece of one.</summary>
internal sealed record ChatOutput
{
    /// <summary>Null at a stream's end, whose pieces had it.</summary>
    public string? Text { get; init; }

    public string? Model { get; init; }

    public string? FinishReason { get; init; }

    public long? InputTokens { get; init; }

    public long? OutputTokens { get; init; }

    /// <summary>The share of drafted tokens that were right; null where nothing was drafted.</summary>
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
