using System.Diagnostics;
using System.Runtime.CompilerServices;
using LayerSkip.AI.Requests;
using LayerSkip.Engine.Scheduling;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace LayerSkip.AI.Telemetry;

/// <summary>Logs, traces and measures the requests to one model.</summary>
internal sealed class RequestTelemetry(string model, Instruments instruments, ILogger logger)
{
    /// <summary>An answer, observed from when it is first read until it ends. The answer itself where nobody would know.</summary>
    /// <param name="request">What is asked.</param>
    /// <param name="before">Time that the request took before: waiting for the model, and being read.</param>
    /// <param name="answer">Answers it, and tells the observation, if there is one, of tokens.</param>
    public IAsyncEnumerable<ChatResponseUpdate> Observe(
        ChatRequest request, TimeSpan before, Func<RequestObservation?, IAsyncEnumerable<ChatResponseUpdate>> answer) =>
        instruments.Enabled || Instruments.ActivitySource.HasListeners() || logger.IsEnabled(LogLevel.Warning)
            ? ObserveAsync(request, before, answer)
            : answer(null);

    /// <summary>A request that could not be read, or was cancelled meanwhile.</summary>
    public void RecordRefused(Exception error, TimeSpan elapsed)
    {
        var type = error.GetType();
        instruments.RecordRefused(Spans.ChatOperation, model, error, elapsed);
        if (error is OperationCanceledException or RequestQueueFullException)
        {
            // The host's load, of which the caller is no cause.
            Log.EndedBy(logger, error, model, elapsed);
        }
        else
        {
            // The caller gets the message, which may quote what he wrote.
            Log.Refused(logger, model, type);
        }
    }

    /// <summary>A request for embeddings.</summary>
    public async Task<GeneratedEmbeddings<Embedding<float>>> ObserveAsync(
        Func<Task<GeneratedEmbeddings<Embedding<float>>>> generate, TimeSpan before)
    {
        var start = Stopwatch.GetTimestamp();
        using var activity = Spans.StartEmbeddings(model, before);
        var tags = Spans.Tags(Spans.EmbeddingsOperation, model);
        try
        {
            var embeddings = await generate().ConfigureAwait(false);
            tags.Add(AttributeNames.ResponseModel, model);
            instruments.RecordTokens(embeddings.Usage!, tags);
            activity?.SetTag(AttributeNames.UsageInputTokens, embeddings.Usage!.InputTokenCount);
            activity?.SetTag(AttributeNames.DimensionCount, embeddings.FirstOrDefault()?.Dimensions);
            Log.Embedded(logger, embeddings.Count, model, embeddings.Usage!.InputTokenCount!.Value);
            return embeddings;
        }
        catch (Exception e)
        {
            Spans.AddError(activity, ref tags, e);
            if (e is ArgumentException)
            {
                // What the caller asked for, who gets the message: no reason to worry the host.
                var type = e.GetType();
                Log.Refused(logger, model, type);
            }
            else
            {
                Log.EndedBy(logger, e, model, before + Stopwatch.GetElapsedTime(start));
            }

            throw;
        }
        finally
        {
            instruments.OperationDuration.Record((before + Stopwatch.GetElapsedTime(start)).TotalSeconds, tags);
        }
    }

    private async IAsyncEnumerable<ChatResponseUpdate> ObserveAsync(
        ChatRequest request,
        TimeSpan before,
        Func<RequestObservation?, IAsyncEnumerable<ChatResponseUpdate>> answer,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var observation = new RequestObservation(model, request, before, instruments, logger);
        var updates = answer(observation).GetAsyncEnumerator(cancellationToken);
        await using (updates.ConfigureAwait(false))
        {
            while (true)
            {
                try
                {
                    if (!await updates.MoveNextAsync().ConfigureAwait(false))
                    {
                        yield break;
                    }
                }
                catch (Exception e)
                {
                    observation.Fail(e);
                    throw;
                }

                observation.See(updates.Current);
                yield return updates.Current;
            }
        }
    }
}
