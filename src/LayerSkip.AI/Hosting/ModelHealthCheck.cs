using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace LayerSkip.AI.Hosting;

/// <summary>Whether a model can answer: never asks it to, since that would queue behind those who do.</summary>
internal sealed class ModelHealthCheck(IServiceProvider services, string? serviceId) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(context);

        // Resolved here, where an error such as a wrong option is this check's alone; in the registration it would fail the whole report.
        var loader = services.GetRequiredKeyedService<LayerSkipModelLoader>(serviceId);
        return Task.FromResult(loader.Model is { } model ? Healthy(model) : NotReady(loader, context));
    }

    private static HealthCheckResult Healthy(ServedModel served)
    {
        var (engine, model) = (served.Engine, served.Engine.Model);
        var (running, queued) = (engine.RunningRequests, engine.QueuedRequests);
        var data = new Dictionary<string, object>
        {
            ["model"] = model.Name,
            ["device"] = model.Device,
            ["weight_format"] = model.WeightFormat.ToString(),
            ["weight_bytes"] = model.WeightBytes,
            ["running_requests"] = running,
            ["queued_requests"] = queued,
            ["kv_bytes"] = model.KvBytes,
            ["kv_cache_budget"] = engine.KvCacheBudget,
        };
        return HealthCheckResult.Healthy($"{model.Name} on {model.Device}: {running} requests running, {queued} waiting.", data);
    }

    private static HealthCheckResult NotReady(LayerSkipModelLoader loader, HealthCheckContext context)
    {
        var (progress, error) = (loader.Progress, loader.Error);
        var data = new Dictionary<string, object> { ["model"] = loader.ModelId, ["progress"] = progress };
        return error is not null
            ? new HealthCheckResult(context.Registration.FailureStatus, $"{loader.ModelId} could not be loaded: {error.Message}", error, data)
            : loader.State == LayerSkipLoadState.NotStarted
                ? HealthCheckResult.Degraded($"{loader.ModelId} is loaded when it is first asked for.", data: data)
                : HealthCheckResult.Degraded(FormattableString.Invariant($"{loader.ModelId} is loading: {progress:P0}."), data: data);
    }
}
