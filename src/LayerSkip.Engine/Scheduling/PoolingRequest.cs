using LayerSkip.Engine.Decoding;

namespace LayerSkip.Engine.Scheduling;

/// <summary>A request for hidden states, one pass of which is run between the turns of those that decode.</summary>
/// <param name="load">Has counted the request in.</param>
/// <param name="start">Starts it on the engine's thread.</param>
/// <param name="cancellation">Ends it between layers.</param>
internal sealed class PoolingRequest(EngineLoad load, Func<MeanPooling> start, CancellationToken cancellation)
{
    // Continuations never run on the engine's thread.
    private readonly TaskCompletionSource<float[]> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private MeanPooling? _pooling;

    /// <summary>The means, once all passes have run.</summary>
    public Task<float[]> Completion => _completion.Task;

    /// <summary>Runs the next pass on the engine's thread.</summary>
    /// <returns>Whether it goes on.</returns>
    public bool Step()
    {
        try
        {
            cancellation.ThrowIfCancellationRequested();
            if (_pooling is null)
            {
                _pooling = start();
                load.Run();
            }

            if (_pooling.NextPass(cancellation))
            {
                return true;
            }

            Release();
            _completion.SetResult(_pooling.Means);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            Release();
            _completion.SetCanceled(cancellation);
        }
#pragma warning disable CA1031 // Whatever went wrong belongs to this request alone: its caller gets it, the others go on.
        catch (Exception e)
#pragma warning restore CA1031
        {
            End(e);
        }

        return false;
    }

    /// <summary>Ends the request with an error.</summary>
    public void End(Exception error)
    {
        Release();
        _completion.SetException(error);
    }

    /// <summary>Counts the request out before its caller is told, who may ask again at once.</summary>
    private void Release()
    {
        if (_pooling is not null)
        {
            _pooling.Dispose();
            load.Suspend();
        }

        load.Leave();
    }
}
