using System.Diagnostics;
using LayerSkip.AI.Hosting;
using LayerSkip.AI.Telemetry;
using LayerSkip.Engine.Scheduling;
using Microsoft.Extensions.Logging;

namespace LayerSkip.AI;

/// <summary>
/// Loads a registered model in the background, once, on a thread of its own: when the host starts or, where no host runs, when one of the
/// model's services is first resolved. Safe for concurrent use.
/// </summary>
/// <remarks>
/// A load that failed is tried again by <see cref="Start"/>, or by the first request that comes 5 seconds after it or later; with each further
/// failure that time doubles, up to 5 minutes. Until then requests report the failure at once. Its owner is the container, which registers it under the model's service id. Disposing it
/// ends the loading, or the engine.
/// </remarks>
public sealed class LayerSkipModelLoader : IDisposable
{
    private static readonly TimeSpan s_firstPause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromMinutes(5);

    private readonly Func<IProgress<double>, CancellationToken, ServedModel> _load;
    private readonly ILogger _logger;
    private readonly Instruments _instruments;
    private readonly EngineOptions _limits;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _disposal = new();
    private readonly Lock _lock = new();
    private Task<ServedModel>? _loading;
    private double _progress;
    private TimeSpan _pause;
    private long _failedAt;
    private int _waiting;
    private bool _disposed;

    /// <param name="modelId">The model's name, known before it is loaded.</param>
    /// <param name="load">Loads it; whatever it throws is what requests report.</param>
    /// <param name="logger">Told of the beginning, the progress and the end.</param>
    /// <param name="instruments">Observe the loaded engine.</param>
    /// <param name="limits">How many requests may wait: as many as the engine will take on.</param>
    /// <param name="time">Measures how long ago a load failed.</param>
    internal LayerSkipModelLoader(
        string modelId,
        Func<IProgress<double>, CancellationToken, ServedModel> load,
        ILogger logger,
        Instruments instruments,
        EngineOptions limits,
        TimeProvider time)
    {
        ModelId = modelId;
        _load = load;
        _logger = logger;
        _instruments = instruments;
        _limits = limits;
        _time = time;
    }

    /// <summary>The model's name: its checkpoint's folder, or GGUF file without the ending.</summary>
    public string ModelId { get; }

    /// <summary>How far the loading has come.</summary>
    public LayerSkipLoadState State => Volatile.Read(ref _loading) switch
    {
        null => LayerSkipLoadState.NotStarted,
        { IsCompleted: false } => LayerSkipLoadState.Loading,
        { IsCompletedSuccessfully: true } => LayerSkipLoadState.Ready,
        _ => LayerSkipLoadState.Failed,
    };

    /// <summary>Share of the weights loaded, 0 .. 1.</summary>
    public double Progress => Volatile.Read(ref _progress);

    /// <summary>Why the model could not be loaded; null unless <see cref="State"/> is <see cref="LayerSkipLoadState.Failed"/>.</summary>
    public Exception? Error => Volatile.Read(ref _loading)?.Exception?.InnerException;

    /// <summary>The loaded model, null until then.</summary>
    internal ServedModel? Model => Volatile.Read(ref _loading) is { IsCompletedSuccessfully: true } loaded ? loaded.Result : null;

    /// <summary>Starts loading, unless that is going on or done, and returns at once. A load that failed is tried again.</summary>
    /// <exception cref="ObjectDisposedException">The loader has been disposed.</exception>
    public void Start() => Begin(again: true);

    /// <summary>Waits until the model is loaded. Starts loading, unless that has been done, or failed a short while ago.</summary>
    /// <param name="cancellationToken">Ends the waiting, not the loading.</param>
    /// <returns>The model's engine, which the loader owns.</returns>
    /// <exception cref="InvalidOperationException">The model cannot be loaded; the message says why, and the inner exception is the cause.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The loader has been disposed.</exception>
    public async Task<LayerSkipEngine> WaitAsync(CancellationToken cancellationToken = default) =>
        (await WaitForModelAsync(cancellationToken).ConfigureAwait(false)).Engine;

    /// <summary>Ends the loading if it is still going on, else the engine.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
        }

        _disposal.Cancel();
        if (Volatile.Read(ref _loading) is { } loading)
        {
            // Unlike Wait, this does not throw what the loading threw.
            Task.WaitAny(loading);
            if (loading.IsCompletedSuccessfully)
            {
                _instruments.Unwatch(loading.Result.Engine);
                loading.Result.Engine.Dispose();
            }
        }

        _disposal.Dispose();
    }

    /// <summary>As <see cref="WaitForModelAsync"/>, for a request, which is measured should it end here.</summary>
    /// <param name="operation">What the request is.</param>
    /// <param name="cancellationToken">Ends the waiting, not the loading.</param>
    /// <exception cref="RequestQueueFullException">As many requests wait already as the engine will take on.</exception>
    internal async Task<ServedModel> WaitForRequestAsync(string operation, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        try
        {
            return Interlocked.Increment(ref _waiting) <= _limits.MaxConcurrentRequests + (long)_limits.MaxQueuedRequests
                ? await WaitForModelAsync(cancellationToken).ConfigureAwait(false)
                : throw new RequestQueueFullException(_limits);
        }
        catch (Exception e)
        {
            // Nobody logs it again: the loading's own error is logged, and says more.
            _instruments.RecordRefused(operation, ModelId, e, Stopwatch.GetElapsedTime(start));
            throw;
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    /// <summary>Measures a request that was refused while the model is not there.</summary>
    internal void RecordRefused(string operation, Exception error) => _instruments.RecordRefused(operation, ModelId, error, TimeSpan.Zero);

    /// <summary>As <see cref="WaitAsync"/>, with all that stands around the engine.</summary>
    internal async Task<ServedModel> WaitForModelAsync(CancellationToken cancellationToken)
    {
        var loading = Begin();
        try
        {
            return await loading.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception) when (loading.IsFaulted)
        {
            // A fresh exception for each request: one that many threads throw at once gathers all their stack traces.
            throw NotLoaded(loading);
        }
    }

    /// <summary>As <see cref="WaitForModelAsync"/>, for callers that cannot await. The loading needs no thread of the pool, so that blocking cannot starve it.</summary>
    internal ServedModel WaitForModel()
    {
        var loading = Begin();
        Task.WaitAny(loading);
        return loading.IsCompletedSuccessfully ? loading.Result : throw NotLoaded(loading);
    }

    /// <summary>Starts loading, unless that is going on, done, or failed a short while ago.</summary>
    /// <param name="again">Tries again however short a while ago it failed.</param>
    internal Task<ServedModel> Begin(bool again = false)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_loading is null || (_loading.IsFaulted && (again || _time.GetElapsedTime(_failedAt) >= _pause)))
            {
                Volatile.Write(ref _progress, 0);
                Volatile.Write(ref _loading, Task.Factory.StartNew(
                    Load, CancellationToken.None, TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach, TaskScheduler.Default));
            }

            return _loading;
        }
    }

    private ServedModel Load()
    {
        var start = Stopwatch.GetTimestamp();
        try
        {
            Log.Loading(_logger, ModelId);
            var served = _load(new ProgressSink(this), _disposal.Token);
            Volatile.Write(ref _progress, 1);
            _instruments.Watch(served.Engine);
            var (model, elapsed) = (served.Engine.Model, Stopwatch.GetElapsedTime(start));
            Log.Loaded(_logger, ModelId, model.Device, model.WeightFormat, model.WeightBytes, elapsed.TotalMilliseconds);
            return served;
        }
        catch (OperationCanceledException) when (_disposal.IsCancellationRequested)
        {
            Log.LoadingCancelled(_logger, ModelId);
            throw;
        }
        catch (Exception e)
        {
            // Read once the task is seen to have failed: no other load writes them meanwhile.
            _failedAt = _time.GetTimestamp();
            _pause = _pause == TimeSpan.Zero ? s_firstPause : TimeSpan.FromTicks(Math.Min(_pause.Ticks * 2, s_longestPause.Ticks));
            Log.LoadingFailed(_logger, e, ModelId, e.Message);
            throw;
        }
    }

    private InvalidOperationException NotLoaded(Task<ServedModel> failed)
    {
        var cause = failed.Exception!.InnerException!;
        return _disposal.IsCancellationRequested
            ? new ObjectDisposedException(nameof(LayerSkipModelLoader))
            : new InvalidOperationException($"The model '{ModelId}' could not be loaded: {cause.Message}", cause);
    }

    /// <summary>Takes progress on the loading thread itself, in order.</summary>
    private sealed class ProgressSink(LayerSkipModelLoader loader) : IProgress<double>
    {
        private int _tenths;

        public void Report(double value)
        {
            Volatile.Write(ref loader._progress, value);
            var tenths = (int)(value * 10);
            if (tenths > _tenths)
            {
                _tenths = tenths;
                Log.LoadingProgress(loader._logger, loader.ModelId, tenths * 10);
            }
        }
    }
}
