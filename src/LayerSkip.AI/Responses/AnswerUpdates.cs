using System.Text.Json;
using LayerSkip.AI.Requests;
using LayerSkip.Engine.Decoding;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Responses;

/// <summary>Writes the updates of one answer.</summary>
internal sealed class AnswerUpdates(string modelId)
{
    private readonly string _responseId = Guid.NewGuid().ToString("N");
    private readonly string _messageId = Guid.NewGuid().ToString("N");
    private readonly DateTimeOffset _createdAt = DateTimeOffset.UtcNow;

    /// <summary>A piece of the text, or a call.</summary>
    /// <param name="content">The piece.</param>
    /// <param name="logProbabilities">Of the tokens that came with it, if they were asked for.</param>
    public ChatResponseUpdate Content(AIContent content, JsonElement? logProbabilities = null) =>
        With(logProbabilities, Update(_messageId, content));

    /// <summary>The last update of the message: why it ended, and what it took.</summary>
    /// <param name="reason">Why the generation ended; None where a stop sequence cut it.</param>
    /// <param name="answer">The answer.</param>
    /// <param name="statistics">The generation's counts and times.</param>
    /// <param name="accepted">Drafted tokens among those of the answer.</param>
    /// <param name="layers">The model's depth L.</param>
    /// <param name="logProbabilities">Of all tokens, if they were asked for: the last to come is what a whole message has of them.</param>
    public ChatResponseUpdate End(
        FinishReason reason, AnswerText answer, in GenerationStatistics statistics, int accepted, int layers, JsonElement? logProbabilities = null)
    {
        var usage = new UsageDetails
        {
            InputTokenCount = statistics.PromptTokens,
            OutputTokenCount = answer.Tokens,
            TotalTokenCount = statistics.PromptTokens + answer.Tokens,
            CachedInputTokenCount = statistics.CachedTokens,
            ReasoningTokenCount = answer.ReasoningTokens,
            AdditionalCounts = new()
            {
                ["OutputTokenDetails.AcceptedPredictionTokenCount"] = accepted,
                ["OutputTokenDetails.RejectedPredictionTokenCount"] = statistics.Drafted - accepted,
                ["LayerSkip.DraftTokenCount"] = statistics.Drafted,
                ["LayerSkip.ForcedTokenCount"] = statistics.Forced,
                ["LayerSkip.VerificationCount"] = statistics.DraftRounds,
                ["LayerSkip.LayersExecuted"] = statistics.LayerPasses,
                ["LayerSkip.LayersSkipped"] = ((long)statistics.Tokens * layers) - statistics.LayerPasses,
            },
        };
        var update = Update(_messageId, new UsageContent(usage) { RawRepresentation = statistics });
        update.FinishReason = answer.LosesCall ? ChatFinishReason.Length
            : answer.HasCalls ? ChatFinishReason.ToolCalls
            : reason is FinishReason.MaxNewTokens or FinishReason.ContextEnd ? ChatFinishReason.Length
            : ChatFinishReason.Stop;
        return With(logProbabilities, update);
    }

    /// <summary>Rates, which unlike counts cannot be added up. Without a message id they become the whole response's properties.</summary>
    public ChatResponseUpdate Statistics(
        DecodingMode mode, int exitLayer, int numSpeculations, DraftController? controller, in GenerationStatistics statistics)
    {
        var update = Update(messageId: null);
        update.AdditionalProperties = new()
        {
            [PropertyNames.DecodingMode] = DecodingModeNames.Of(mode),
            [PropertyNames.ExitLayer] = exitLayer,
            [PropertyNames.NumSpeculations] = numSpeculations,
            [PropertyNames.MeanExitLayer] = statistics.MeanExitLayer,
            [PropertyNames.AcceptanceRate] = statistics.Drafted == 0 ? null : statistics.AcceptanceRate,
            [PropertyNames.TokensPerRound] = statistics.TokensPerRound,
            [PropertyNames.PrefillMilliseconds] = statistics.PrefillTime.TotalMilliseconds,
            [PropertyNames.DecodeMilliseconds] = statistics.DecodeTime.TotalMilliseconds,
            [PropertyNames.TokensPerSecond] = statistics.TokensPerSecond,
            [PropertyNames.MillisecondsPerToken] = statistics.TimePerToken.TotalMilliseconds,
        };
        if (controller is { } known)
        {
            update.AdditionalProperties[PropertyNames.DraftController] = ChoiceNames.Of(known);
        }

        return update;
    }

    private static ChatResponseUpdate With(JsonElement? logProbabilities, ChatResponseUpdate update)
    {
        if (logProbabilities is { } json)
        {
            update.AdditionalProperties = new() { [PropertyNames.LogProbabilities] = json };
        }

        return update;
    }

    private ChatResponseUpdate Update(string? messageId, params AIContent[] contents) => new()
    {
        Role = ChatRole.Assistant,
        ResponseId = _responseId,
        MessageId = messageId,
        ModelId = modelId,
        CreatedAt = _createdAt,
        Contents = contents.ToList(),
    };
}
