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
/// <remarks>Its owner is the container, which registers it under the model's service id. Disposing it ends the loading, or the engine.</remarks>
public sealed class LayerSkipModelLoader : IDisposable
{
    private readonly Func<IProgress<double>, CancellationToken, ServedModel> _load;
    private readonly ILogger _logger;
    private readonly Instruments _instruments;
    private readonly CancellationTokenSource _disposal = new();
    private readonly Lock _lock = new();
    private Task<ServedModel>? _loading;
    private double _progress;
    private bool _disposed;

    /// <param name="modelId">The model's name, known before it is loaded.</param>
    /// <param name="load">Loads it; whatever it throws is what requests report.</param>
    /// <param name="logger">Told of the beginning, the progress and the end.</param>
    /// <param name="instruments">Observe the loaded engine.</param>
    internal LayerSkipModelLoader(
        string modelId, Func<IProgress<double>, CancellationToken, ServedModel> load, ILogger logger, Instruments instruments)
    {
        ModelId = modelId;
        _load = load;
        _logger = logger;
        _instruments = instruments;
    }

    /// <summary>The model's name: its checkpoint's folder.</summary>
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
    public Exception? Error => Volatile.Read(ref _loading) switch
    {
        { IsFaulted: true } failed => failed.Exception!.InnerException,
        { IsCanceled: true } => new OperationCanceledException("The loading was cancelled."),
        _ => null,
    };

    /// <summary>The loaded model, null until then.</summary>
    internal ServedModel? Model => Volatile.Read(ref _loading) is { IsCompletedSuccessfully: true } loaded ? loaded.Result : null;

    /// <summary>Starts loading, unless that has been done, and returns at once.</summary>
    /// <exception cref="ObjectDisposedException">The loader has been disposed.</exception>
    public void Start() => Begin();

    /// <summary>Waits until the model is loaded. Starts loading, unless that has been done.</summary>
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
        if (_loading is { } loading)
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
    internal async Task<ServedModel> WaitForRequestAsync(string operation, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        try
        {
            return await WaitForModelAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // Nobody logs it again: the loading's own error is logged, and says more.
            var tags = Spans.Tags(operation, ModelId);
            Spans.AddError(activity: null, ref tags, e);
            _instruments.OperationDuration.Record(Stopwatch.GetElapsedTime(start).TotalSeconds, tags);
            throw;
        }
    }

    /// <summary>As <see cref="WaitAsync"/>, with all that stands around the engine.</summary>
    internal async Task<ServedModel> WaitForModelAsync(CancellationToken cancellationToken)
    {
        var loading = Begin();
        try
        {
            return await loading.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception) when (loading.IsFaulted || loading.IsCanceled)
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

    private Task<ServedModel> Begin()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _loading ??= Task.Factory.StartNew(
                Load, CancellationToken.None, TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach, TaskScheduler.Default);
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
            Log.LoadingFailed(_logger, e, ModelId, e.Message);
            throw;
        }
    }

    private Exception NotLoaded(Task loading) =>
        _disposal.IsCancellationRequested ? new ObjectDisposedException(nameof(LayerSkipModelLoader))
        : loading.Exception?.InnerException is { } cause
            ? new InvalidOperationException($"The model '{ModelId}' could not be loaded: {cause.Message}", cause)
        : new InvalidOperationException($"The loading of the model '{ModelId}' was cancelled.");

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
