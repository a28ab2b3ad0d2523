using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Requests;
using LayerSkip.AI.Telemetry;
using LayerSkip.Engine;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Scheduling;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace LayerSkip.AI.Hosting;

/// <summary>A loaded model, and what stands ready around it to answer requests.</summary>
/// <param name="Engine">Serves the model.</param>
/// <param name="Template">The model's chat template.</param>
/// <param name="Reader">Reads requests to the model.</param>
/// <param name="Telemetry">Observes them.</param>
/// <param name="EmbeddingLayer">Layer that embeddings are made of.</param>
internal sealed record ServedModel(
    LayerSkipEngine Engine, ChatTemplate Template, ChatRequestReader Reader, RequestTelemetry Telemetry, int EmbeddingLayer)
{
    /// <exception cref="ArgumentException">An option is outside its range or does not fit the model; the message names it.</exception>
    public static ServedModel Create(
        LayerSkipEngine engine, ChatTemplate? template, LayerSkipOptions? options, ILogger? logger, Instruments? instruments = null)
    {
        template ??= ChatTemplate.Default;
        options ??= new();
        logger ??= NullLogger.Instance;
        OptionRanges.ThrowIfAny(OptionRanges.RequestErrors(options), nameof(options));
        return new(
            engine,
            template,
            new ChatRequestReader(engine.Model, template, options, logger),
            new RequestTelemetry(engine.Model.Name, instruments ?? Instruments.Shared, logger),
            EmbeddingLayerOf(options, engine.Model.Config.Layers));
    }

    /// <summary>Loads a checkpoint. Whoever gets the result owns its engine.</summary>
    /// <exception cref="ArgumentException">An option is outside its range, which is told before anything is loaded, or does not fit the model; the message names it.</exception>
    public static ServedModel Load(
        LayerSkipOptions options,
        ILogger? logger,
        IProgress<double>? progress,
        CancellationToken cancellationToken,
        Instruments? instruments = null)
    {
        LayerSkipOptionsValidator.Require(options);
        if (logger is not null && options.Threads > Environment.ProcessorCount)
        {
            Log.ManyThreads(logger, options.Threads.Value, Environment.ProcessorCount);
        }

        var model = LayerSkipModel.Load(options.ModelPath, options.ToModelOptions(), progress, cancellationToken);
        var engine = new LayerSkipEngine(model, ownsModel: true, options.ToEngineOptions());
        try
        {
            Probe(model, cancellationToken);
            var template = ChatTemplate.LoadFrom(options.ModelPath);
            if (logger is not null && template is null)
            {
                Log.NoChatTemplate(logger, model.Name);
            }

            return Create(engine, template, options, logger, instruments);
        }
        catch
        {
            engine.Dispose();
            throw;
        }
    }

    /// <summary>Decodes one token, so that it is the loading that finds damaged weights, and not every request.</summary>
    private static void Probe(LayerSkipModel model, CancellationToken cancellationToken)
    {
        using var probe = model.Generate([0], new DecodingOptions { Mode = DecodingMode.Autoregressive, MaxNewTokens = 1 });
        probe.NextRound(cancellationToken);
    }

    private static int EmbeddingLayerOf(LayerSkipOptions options, int layers)
    {
        var layer = options.EmbeddingLayer ?? (layers + 1) / 2;
        return layer >= 1 && layer <= layers
            ? layer
            : throw new ArgumentOutOfRangeException(
                nameof(options), layer, $"EmbeddingLayer must lie in 1..{layers}: the model has {layers} layers.");
    }
}
