using LayerSkip.Engine.Devices;
using Microsoft.Extensions.Logging;

namespace LayerSkip.AI;

/// <summary>What the library logs. Never what users or the model write.</summary>
internal static partial class Log
{
    [LoggerMessage(EventId = 10, Level = LogLevel.Information, Message = "Loading the model {Model}.")]
    public static partial void Loading(ILogger logger, string model);

    [LoggerMessage(EventId = 11, Level = LogLevel.Debug, Message = "Loading the model {Model}: {Percent} %.")]
    public static partial void LoadingProgress(ILogger logger, string model, int percent);

    [LoggerMessage(EventId = 12, Level = LogLevel.Information,
        Message = "Loaded the model {Model} on {Device}: {WeightBytes} bytes of weights as {WeightFormat}, in {Milliseconds:F0} ms.")]
    public static partial void Loaded(ILogger logger, string model, string device, WeightFormat weightFormat, long weightBytes, double milliseconds);

    [LoggerMessage(EventId = 13, Level = LogLevel.Error, Message = "The model {Model} could not be loaded: {Reason}")]
    public static partial void LoadingFailed(ILogger logger, Exception error, string model, string reason);

    [LoggerMessage(EventId = 14, Level = LogLevel.Information, Message = "The loading of the model {Model} was cancelled.")]
    public static partial void LoadingCancelled(ILogger logger, string model);

    [LoggerMessage(EventId = 15, Level = LogLevel.Information, Message = "The model {Model} runs on the CPU, no GPU is used ({Reason}).")]
    public static partial void RunsOnCpu(ILogger logger, string model, string reason);

    [LoggerMessage(EventId = 16, Level = LogLevel.Warning,
        Message = "LayerSkipOptions.Threads is {Threads}, but there are {Processors} processors: threads wait for each other, so that more of them are slower.")]
    public static partial void ManyThreads(ILogger logger, int threads, int processors);

    [LoggerMessage(EventId = 17, Level = LogLevel.Warning,
        Message = "The model {Model} has no chat template: messages are written as lines \"role: content\", which a model that is not trained to chat may go on with as it likes.")]
    public static partial void NoChatTemplate(ILogger logger, string model);

    [LoggerMessage(EventId = 20, Level = LogLevel.Debug, Message = "Answering a prompt of {PromptTokens} tokens with {Model}.")]
    public static partial void Answering(ILogger logger, string model, int promptTokens);

    [LoggerMessage(EventId = 21, Level = LogLevel.Debug,
        Message = "Answered {ResponseId} with {Model}: {OutputTokens} tokens ({FinishReason}) to a prompt of {PromptTokens}, in {Milliseconds:F1} ms; {Accepted} of {Drafted} drafted tokens accepted.")]
    public static partial void Answered(
        ILogger logger,
        string? responseId,
        string model,
        long outputTokens,
        string finishReason,
        int promptTokens,
        double milliseconds,
        int accepted,
        int drafted);

    [LoggerMessage(EventId = 22, Level = LogLevel.Warning, Message = "A request to {Model} failed after {Milliseconds:F1} ms: {Reason}")]
    public static partial void Failed(ILogger logger, Exception error, string model, double milliseconds, string reason);

    [LoggerMessage(EventId = 23, Level = LogLevel.Debug, Message = "A request to {Model} was cancelled after {Milliseconds:F1} ms.")]
    public static partial void Cancelled(ILogger logger, string model, double milliseconds);

    [LoggerMessage(EventId = 24, Level = LogLevel.Debug, Message = "A request to {Model} was left by its consumer after {Milliseconds:F1} ms.")]
    public static partial void Abandoned(ILogger logger, string model, double milliseconds);

    [LoggerMessage(EventId = 25, Level = LogLevel.Debug, Message = "A request to {Model} was refused while it was read: {ErrorType}.")]
    public static partial void Refused(ILogger logger, string model, Type errorType);

    [LoggerMessage(EventId = 30, Level = LogLevel.Debug, Message = "Embedded {Count} texts of {Tokens} tokens with {Model}.")]
    public static partial void Embedded(ILogger logger, int count, string model, long tokens);

    /// <summary>A request failed, or was cancelled.</summary>
    public static void EndedBy(ILogger logger, Exception error, string model, TimeSpan elapsed)
    {
        if (error is OperationCanceledException)
        {
            Cancelled(logger, model, elapsed.TotalMilliseconds);
        }
        else
        {
            Failed(logger, error, model, elapsed.TotalMilliseconds, error.Message);
        }
    }
}
