using System.Collections.Concurrent;
using System.Diagnostics;

namespace LayerSkip.AI.Tests.Telemetry;

/// <summary>The spans that end while the test's own span is open, of whatever source, and of this trace alone.</summary>
internal sealed class TracedSpans : IDisposable
{
    private static readonly ActivitySource s_test = new("LayerSkip.AI.Tests");

    private readonly ConcurrentQueue<Activity> _ended = new();
    private readonly ActivityListener _listener;
    private readonly Activity _root;

    public TracedSpans()
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = _ => true,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activity =>
            {
                if (activity.TraceId == _root?.TraceId)
                {
                    _ended.Enqueue(activity);
                }
            },
        };
        ActivitySource.AddActivityListener(_listener);
        _root = s_test.StartActivity("test")!;
    }

    public IReadOnlyList<Activity> All => [.. _ended];

    public IReadOnlyList<Activity> Own => [.. _ended.Where(activity => activity.Source.Name == LayerSkipTelemetry.SourceName)];

    public void Dispose()
    {
        _root.Dispose();
        _listener.Dispose();
    }
}
