using System.Globalization;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace WebApi;

/// <summary>What <c>/health</c> says.</summary>
internal sealed record HealthOutput(string Status, string? Description, Dictionary<string, string?> Data)
{
    public static HealthOutput Of(HealthReport report)
    {
        var model = report.Entries["layerskip"];
        return new HealthOutput(
            report.Status.ToString(),
            model.Exception is null ? model.Description : "The model could not be loaded.", // why, and from where, is in the log
            model.Data.ToDictionary(entry => entry.Key, entry => Convert.ToString(entry.Value, CultureInfo.InvariantCulture)));
    }
}
