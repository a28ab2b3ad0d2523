using System.Diagnostics;
using System.Diagnostics.Metrics;
using LayerSkip.Engine.Scheduling;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Telemetry;

/// <summary>The library's instruments on one meter. Safe for concurrent use.</summary>
internal sealed class Instruments
{
    private readonly Lock _lock = new();

    // Replaced, never changed: who observes it needs no lock. Weak, so that an engine that has been disposed can go though a client of it has not.
    private WeakReference<LayerSkipEngine>[] _engines = [];

    public Instruments(Meter meter)
    {
        TokenUsage = meter.CreateHistogram<long>(
            "gen_ai.client.token.usage", "{token}", "Number of input and output tokens used.", advice: Buckets<long>(
                1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864));
        OperationDuration = meter.CreateHistogram<double>(
            "gen_ai.client.operation.duration", "s", "Duration of a request, its waiting included.", advice: Buckets<double>(
                0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92));
        TimeToFirstToken = meter.CreateHistogram<double>(
            "gen_ai.server.time_to_first_token", "s", "Time to the first token of an answer, waiting included.", advice: Buckets<double>(
                0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10));

        // The convention's buckets begin at 10 ms, where a model in the same process is long done.
        TimePerOutputToken = meter.CreateHistogram<double>(
            "gen_ai.server.time_per_output_token", "s", "Time for each token after those of the first round.", advice: Buckets<double>(
                0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5));
        AcceptanceRate = meter.CreateHistogram<double>(
            "layerskip.acceptance_rate", "1", "Share of a request's drafted tokens that the full model confirmed.", advice: Buckets<double>(
                0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1));
        ExitLayer = meter.CreateHistogram<double>(
            "layerskip.exit_layer", "{layer}", "Mean exit layer of a request that drafted or left early.", advice: Buckets<double>(
                1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64));
        DraftTokens = meter.CreateCounter<long>("layerskip.draft.tokens", "{token}", "Tokens drafted, by what became of them.");

        meter.CreateObservableUpDownCounter(
            "layerskip.queue.depth", () => Observe(engine => engine.QueuedRequests), "{request}", "Requests that wait for their turn to begin.");
        meter.CreateObservableUpDownCounter(
            "layerskip.requests.running", () => Observe(engine => engine.RunningRequests), "{request}", "Requests that run, each in its turn.");
        meter.CreateObservableUpDownCounter(
            "layerskip.kv.bytes", () => Observe(engine => engine.Model.KvBytes), "By", "Memory of all KV caches.");
    }

    /// <summary>Of models that no container made.</summary>
    public static Instruments Shared { get; } = new(new Meter(LayerSkipTelemetry.SourceName));

    public static ActivitySource ActivitySource { get; } = new(LayerSkipTelemetry.SourceName);

    public Histogram<long> TokenUsage { get; }

    public Histogram<double> OperationDuration { get; }

    public Histogram<double> TimeToFirstToken { get; }

    public Histogram<double> TimePerOutputToken { get; }

    public Histogram<double> AcceptanceRate { get; }

    public Histogram<double> ExitLayer { get; }

    public Counter<long> DraftTokens { get; }

    /// <summary>Whether anybody listens to what is measured of requests.</summary>
    public bool Enabled =>
        OperationDuration.Enabled || TokenUsage.Enabled || TimeToFirstToken.Enabled || TimePerOutputToken.Enabled
        || AcceptanceRate.Enabled || ExitLayer.Enabled || DraftTokens.Enabled;

    /// <summary>Records an operation's tokens, each type with a tag of its own.</summary>
    public void RecordTokens(UsageDetails usage, TagList tags)
    {
        if (usage.InputTokenCount is { } input)
        {
            Record("input", input, tags);
        }

        if (usage.OutputTokenCount is { } output)
        {
            Record("output", output, tags);
        }

        void Record(string type, long tokens, TagList own)
        {
            own.Add(AttributeNames.TokenType, type);
            TokenUsage.Record(tokens, own);
        }
    }

    /// <summary>Records a request that failed before it reached the engine.</summary>
    public void RecordRefused(string operation, string model, Exception error, TimeSpan elapsed)
    {
        using var activity = operation == Spans.ChatOperation ? Spans.StartChat(model, elapsed) : Spans.StartEmbeddings(model, elapsed);
        var tags = Spans.Tags(operation, model);
        Spans.AddError(activity, ref tags, error);
        OperationDuration.Record(elapsed.TotalSeconds, tags);
    }

    /// <summary>Observes an engine too. One that is watched twice counts once.</summary>
    public void Watch(LayerSkipEngine engine)
    {
        lock (_lock)
        {
            _engines = [.. _engines.Where(watched => watched.TryGetTarget(out _)), new(engine)];
        }
    }

    /// <summary>Takes one watch back.</summary>
    public void Unwatch(LayerSkipEngine engine)
    {
        lock (_lock)
        {
            var index = Array.FindIndex(_engines, watched => watched.TryGetTarget(out var target) && target == engine);
            if (index >= 0)
            {
                _engines = [.. _engines[..index], .. _engines[(index + 1)..]];
            }
        }
    }

    /// <summary>One measurement for each model: engines of one name would overwrite each other's.</summary>
    private IEnumerable<Measurement<long>> Observe(Func<LayerSkipEngine, long> value) => Volatile.Read(ref _engines)
        .Select(watched => watched.TryGetTarget(out var engine) ? engine : null)
        .OfType<LayerSkipEngine>()
        .Distinct()
        .GroupBy(engine => engine.Model.Name, (model, engines) =>
            new Measurement<long>(engines.Sum(value), new KeyValuePair<string, object?>(AttributeNames.RequestModel, model)));

    private static InstrumentAdvice<T> Buckets<T>(params T[] boundaries)
        where T : struct => new() { HistogramBucketBoundaries = boundaries };
}
