using System.Diagnostics;
using LayerSkip.AI.Requests;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Sampling;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Telemetry;

/// <summary>Starts and fills spans after OpenTelemetry's conventions for generative AI. They are internal ones: the model runs in this process.</summary>
internal static class Spans
{
    public const string ChatOperation = "chat";
    public const string EmbeddingsOperation = "embeddings";
    public const string Provider = "layerskip";

    private const string GenerateSpan = "layerskip.generate";

    /// <summary>The span of a request to chat, null where nobody listens: <c>chat {model}</c>, or one within it where a middleware has begun that already.</summary>
    /// <param name="model">The model's name.</param>
    /// <param name="before">How long ago the request began.</param>
    public static Activity? StartChat(string model, TimeSpan before)
    {
        if (!Instruments.ActivitySource.HasListeners())
        {
            return null;
        }

        return IsWithin(ChatOperation, Activity.Current)
            ? Since(before, Instruments.ActivitySource.StartActivity(GenerateSpan))?.SetTag(AttributeNames.RequestModel, model)
            : Start(ChatOperation, model, before);
    }

    /// <summary>The span <c>embeddings {model}</c>, null where nobody listens or a middleware has begun one already: there is nothing to add to that.</summary>
    public static Activity? StartEmbeddings(string model, TimeSpan before) =>
        Instruments.ActivitySource.HasListeners() && !IsWithin(EmbeddingsOperation, Activity.Current) ? Start(EmbeddingsOperation, model, before) : null;

    private static Activity? Start(string operation, string model, TimeSpan before) =>
        Since(before, Instruments.ActivitySource.StartActivity($"{operation} {model}"))
        ?.SetTag(AttributeNames.OperationName, operation)
        .SetTag(AttributeNames.ProviderName, Provider)
        .SetTag(AttributeNames.RequestModel, model);

    private static Activity? Since(TimeSpan before, Activity? activity) =>
        before > TimeSpan.Zero ? activity?.SetStartTime(activity.StartTimeUtc - before) : activity;

    /// <summary>Says what an operation ended by.</summary>
    public static void AddError(Activity? activity, ref TagList tags, Exception error)
    {
        var type = error.GetType().FullName;
        tags.Add(AttributeNames.ErrorType, type);
        activity?.SetTag(AttributeNames.ErrorType, type).SetStatus(ActivityStatusCode.Error, error.Message);
    }

    /// <summary>The attributes that all measurements of an operation have.</summary>
    public static TagList Tags(string operation, string model) => new()
    {
        { AttributeNames.OperationName, operation },
        { AttributeNames.ProviderName, Provider },
        { AttributeNames.RequestModel, model },
    };

    /// <summary>How the request is decoded, defaults filled in.</summary>
    public static void AddRequest(Activity activity, ChatRequest request)
    {
        var (decoding, sampling) = (request.Decoding, request.Decoding.Sampling ?? SamplingOptions.Greedy);
        activity.SetTag(AttributeNames.RequestTemperature, (double)sampling.Temperature);
        SetIf(activity, decoding.MaxNewTokens is not null, AttributeNames.RequestMaxTokens, decoding.MaxNewTokens);
        SetIf(activity, sampling.TopK != 0, AttributeNames.RequestTopK, sampling.TopK);
        SetIf(activity, sampling.TopP != 1, AttributeNames.RequestTopP, (double)sampling.TopP);
        SetIf(activity, sampling.Seed is not null, AttributeNames.RequestSeed, unchecked((long?)sampling.Seed));
        SetIf(activity, request.StopSequences.Count > 0, AttributeNames.RequestStopSequences, request.StopSequences.ToArray());
    }

    /// <summary>What came of it.</summary>
    public static void AddResponse(
        Activity activity,
        ChatResponseUpdate end,
        UsageDetails usage,
        in GenerationStatistics statistics,
        AdditionalPropertiesDictionary? properties,
        TimeSpan timeToFirstToken)
    {
        activity.SetTag(AttributeNames.ResponseId, end.ResponseId);
        activity.SetTag(AttributeNames.ResponseModel, end.ModelId);
        activity.SetTag(AttributeNames.ResponseFinishReasons, new[] { end.FinishReason!.Value.Value });
        activity.SetTag(AttributeNames.UsageInputTokens, usage.InputTokenCount);
        activity.SetTag(AttributeNames.UsageOutputTokens, usage.OutputTokenCount);
        SetIf(activity, usage.CachedInputTokenCount is not null, AttributeNames.UsageCachedTokens, usage.CachedInputTokenCount);
        SetIf(activity, usage.ReasoningTokenCount is not null, AttributeNames.UsageReasoningTokens, usage.ReasoningTokenCount);
        activity.SetTag(AttributeNames.TimeToFirstToken, timeToFirstToken.TotalSeconds);
        activity.SetTag(AttributeNames.DecodingMode, properties?.GetValueOrDefault(PropertyNames.DecodingMode));
        activity.SetTag(AttributeNames.ExitLayer, properties?.GetValueOrDefault(PropertyNames.ExitLayer));
        activity.SetTag(AttributeNames.NumSpeculations, properties?.GetValueOrDefault(PropertyNames.NumSpeculations));
        if (statistics.Drafted > 0)
        {
            activity.SetTag(AttributeNames.AcceptanceRate, statistics.AcceptanceRate);
            activity.SetTag(AttributeNames.DraftTokens, statistics.Drafted);
            activity.SetTag(AttributeNames.AcceptedTokens, statistics.Accepted);
        }
    }

    /// <summary>
    /// Whether a caller's span tells of this request already. A tool or an agent in between means a request of its own, spans of other kinds
    /// (orchestration, an application's) do not.
    /// </summary>
    private static bool IsWithin(string asked, Activity? activity)
    {
        for (; activity is not null; activity = activity.Parent)
        {
            if (activity.GetTagItem(AttributeNames.OperationName) is string operation)
            {
                return operation == asked;
            }
        }

        return false;
    }

    private static void SetIf(Activity activity, bool condition, string name, object? value)
    {
        if (condition)
        {
            activity.SetTag(name, value);
        }
    }
}
