using LayerSkip.AI.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace LayerSkip.AI;

/// <summary>Registers health checks of LayerSkip models.</summary>
public static class LayerSkipHealthChecksBuilderExtensions
{
    /// <summary>Reports whether a registered model can answer.</summary>
    /// <remarks>
    /// Healthy with <c>model</c>, <c>device</c>, <c>weight_format</c>, <c>weight_bytes</c>, <c>running_requests</c>, <c>queued_requests</c>,
    /// <c>kv_bytes</c> and <c>kv_cache_budget</c> as data; degraded with the <c>progress</c> (0 .. 1) until the model is loaded; <paramref name="failureStatus"/> with the
    /// reason where it could not be. A check neither loads the model nor asks it anything.
    /// </remarks>
    /// <param name="builder">The health checks to add to.</param>
    /// <param name="serviceId">The key that the model was registered under; null for the one without a key.</param>
    /// <param name="name">The check's name; null: <c>layerskip</c>, and <c>layerskip:{serviceId}</c> for a model with a key.</param>
    /// <param name="failureStatus">What a failed load is reported as; null: unhealthy.</param>
    /// <param name="tags">Tags to choose checks by, such as those of readiness.</param>
    /// <returns><paramref name="builder"/>.</returns>
    public static IHealthChecksBuilder AddLayerSkip(
        this IHealthChecksBuilder builder,
        string? serviceId = null,
        string? name = null,
        HealthStatus? failureStatus = null,
        IEnumerable<string>? tags = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Add(new HealthCheckRegistration(
            name ?? (serviceId is null ? "layerskip" : $"layerskip:{serviceId}"),
            provider => new ModelHealthCheck(provider, serviceId),
            failureStatus,
            tags));
    }
}
