namespace WebApi;

/// <summary>Starts a stream before its response, so that what is wrong with the request is still told by the status.</summary>
internal static class StreamStart
{
    /// <summary>Waits for the first item; what it throws is thrown here. The result must be enumerated, once.</summary>
    public static async Task<IAsyncEnumerable<T>> StartAsync<T>(this IAsyncEnumerable<T> items, CancellationToken cancellationToken)
    {
        var enumerator = items.GetAsyncEnumerator(cancellationToken);
        try
        {
            return Rest(enumerator, await enumerator.MoveNextAsync());
        }
        catch
        {
            await enumerator.DisposeAsync();
            throw;
        }
    }

    private static async IAsyncEnumerable<T> Rest<T>(IAsyncEnumerator<T> enumerator, bool any)
    {
        await using (enumerator)
        {
            while (any)
            {
                yield return enumerator.Current;
                any = await enumerator.MoveNextAsync();
            }
        }
    }
}
