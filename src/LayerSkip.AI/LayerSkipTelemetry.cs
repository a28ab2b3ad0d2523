namespace LayerSkip.AI;

/// <summary>Where the library's traces and metrics are found.</summary>
/// <remarks>
/// Requests are traced and measured after the OpenTelemetry semantic conventions for generative AI. A request within a chat span of an
/// outer middleware (<c>UseOpenTelemetry</c>) gets no second one, but an inner span <c>layerskip.generate</c> that says how it was decoded.
/// Nothing is measured that nobody listens to, and nothing per token. Of what users write, spans have stop sequences, and errors' messages as
/// their status.
/// </remarks>
public static class LayerSkipTelemetry
{
    /// <summary>Name of the <see cref="System.Diagnostics.ActivitySource"/> and of the <see cref="System.Diagnostics.Metrics.Meter"/>.</summary>
    public const string SourceName = "LayerSkip.AI";
}
