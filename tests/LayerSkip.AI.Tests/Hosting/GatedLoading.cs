using LayerSkip.AI.Hosting;
using LayerSkip.AI.Telemetry;
using LayerSkip.Engine.Scheduling;
using Microsoft.Extensions.Logging.Abstractions;

namespace LayerSkip.AI.Tests.Hosting;

/// <summary>A loader that stands in the middle of its loading until the test says how it ends.</summary>
internal sealed class GatedLoading : IDisposable
{
    private readonly TaskCompletionSource _gate = new();

    // Not on the loading's own thread: a test that goes on there and disposes the loader waits for itself.
    private readonly TaskCompletionSource _entered = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="log">Is told of the loading.</param>
    /// <param name="error">What the loading ends by.</param>
    /// <param name="failures">How often it does.</param>
    /// <param name="limits">How many requests may wait.</param>
    public GatedLoading(LogRecords? log = null, Exception? error = null, int failures = int.MaxValue, EngineOptions? limits = null) => Loader = new LayerSkipModelLoader(
        "topv2-parser",
        (progress, cancellationToken) =>
        {
            Loads++;
            progress.Report(0.25);
            progress.Report(0.5);
            _entered.TrySetResult();
            _gate.Task.Wait(cancellationToken);
            return error is null || Loads > failures
                ? ServedModel.Load(new LayerSkipOptions { ModelPath = TestModels.ParserPath }, logger: null, progress, cancellationToken)
                : throw error;
        },
        log is null ? NullLogger.Instance : log,
        Instruments.Shared,
        limits ?? new(),
        Time);

    public LayerSkipModelLoader Loader { get; }

    public StandingTime Time { get; } = new();

    /// <summary>How often loading was begun.</summary>
    public int Loads { get; private set; }

    /// <summary>Completes when the loading is half done.</summary>
    public Task Entered => _entered.Task;

    /// <summary>Lets the loading go on.</summary>
    public void Open() => _gate.SetResult();

    public void Dispose() => Loader.Dispose();
}
