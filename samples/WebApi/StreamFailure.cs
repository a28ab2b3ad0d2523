using System.Net.ServerSentEvents;
using System.Text.Json;

namespace WebApi;

/// <summary>Tells callers what ended a stream whose status has been sent: a connection that breaks off says nothing.</summary>
internal static class StreamFailure
{
    /// <summary>The events, and where they fail one of the error, which is the last.</summary>
    /// <param name="events">The events.</param>
    /// <param name="type">The last event's type; null: that of plain messages.</param>
    public static async IAsyncEnumerable<SseItem<string>> TellFailure(this IAsyncEnumerable<SseItem<string>> events, string? type = null)
    {
        await using var enumerator = events.GetAsyncEnumerator();
        while (true)
        {
            SseItem<string>? failure = null;
            try
            {
                if (!await enumerator.MoveNextAsync())
                {
                    yield break;
                }
            }
            catch (Exception e) when (e is not OperationCanceledException) // the caller has hung up
            {
                var (status, message) = RequestErrors.Describe(e);
                failure = new(JsonSerializer.Serialize(new ErrorEvent(ErrorOutput.Of(status, message, e)), Wire.Default.ErrorEvent), type);
            }

            if (failure is { } last)
            {
                yield return last;
                yield break;
            }

            yield return enumerator.Current;
        }
    }
}
