using System.Runtime.CompilerServices;
using LayerSkip.AI.Requests;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace LayerSkip.AI.Telemetry;

/// <summary>Logs, traces and measures the requests to one model.</summary>
internal sealed class RequestTelemetry(string model, Instruments instruments, ILogger logger)
{
    /// <summary>An answer, observed from when it is first read until it ends. The answer itself where nobody would know.</summary>
    public IAsyncEnumerable<ChatResponseUpdate> Observe(ChatRequest request, IAsyncEnumerable<ChatResponseUpdate> answer) =>
        instruments.Enabled || Instruments.ActivitySource.HasListeners() || logger.IsEnabled(LogLevel.Warning)
            ? ObserveAsync(request, answer)
            : answer;

    private async IAsyncEnumerable<ChatResponseUpdate> ObserveAsync(
        ChatRequest request, IAsyncEnumerable<ChatResponseUpdate> answer, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var observation = new RequestObservation(model, request, instruments, logger);
        var updates = answer.GetAsyncEnumerator(cancellationToken);
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
