using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Requests;
using LayerSkip.AI.Telemetry;
using LayerSkip.Engine;
using LayerSkip.Engine.Scheduling;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace LayerSkip.AI.Hosting;

/// <summary>A loaded model, and what stands ready around it to answer requests.</summary>
/// <param name="Engine">Serves the model.</param>
/// <param name="Template">The model's chat template.</param>
/// <param name="Reader">Reads requests to the model.</param>
/// <param name="Telemetry">Observes them.</param>
internal sealed record ServedModel(LayerSkipEngine Engine, ChatTemplate Template, ChatRequestReader Reader, RequestTelemetry Telemetry)
{
    /// <exception cref="ArgumentException">An option does not fit the model; the message names it.</exception>
    public static ServedModel Create(
        LayerSkipEngine engine, ChatTemplate? template, LayerSkipOptions? options, ILogger? logger, Instruments? instruments = null)
    {
        template ??= ChatTemplate.Default;
        logger ??= NullLogger.Instance;
        return new(
            engine,
            template,
            new ChatRequestReader(engine.Model, template, options ?? new(), logger),
            new RequestTelemetry(engine.Model.Name, instruments ?? Instruments.Shared, logger));
    }

    /// <summary>Loads a checkpoint. Whoever gets the result owns its engine.</summary>
    public static ServedModel Load(
        LayerSkipOptions options,
        ILogger? logger,
        IProgress<double>? progress,
        CancellationToken cancellationToken,
        Instruments? instruments = null)
    {
        options.ToEngineOptions().Validate();
        var model = LayerSkipModel.Load(options.ModelPath, options.ToModelOptions(), progress, cancellationToken);
        var engine = new LayerSkipEngine(model, ownsModel: true, options.ToEngineOptions());
        try
        {
            return Create(engine, ChatTemplate.LoadFrom(options.ModelPath), options, logger, instruments);
        }
        catch
        {
            engine.Dispose();
            throw;
        }
    }
}
