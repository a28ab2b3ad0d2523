using System.Diagnostics;
using LayerSkip.AI.Embeddings;
using LayerSkip.AI.Hosting;
using LayerSkip.AI.Requests;
using LayerSkip.AI.Telemetry;
using LayerSkip.Engine;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Scheduling;
using LayerSkip.Engine.Tokenization;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace LayerSkip.AI;

/// <summary>Embeds texts with a LayerSkip model in this process: the mean of a layer's hidden states, of length 1. Safe for concurrent use.</summary>
/// <remarks>
/// <para>
/// The layer is <see cref="LayerSkipOptions.EmbeddingLayer"/>; the layers above it do not run. The states are those that the head of an exit
/// there would see (after the final norm), averaged over the text's tokens, begin of sequence included. A text is embedded as it is,
/// without the chat template, and nothing in it can become a control token.
/// </para>
/// <para>
/// An embedding is the same, bit for bit, whatever else is in the batch and with every number of threads. Models trained to write are fair
/// embedders, not good ones; embeddings of different models or layers cannot be compared.
/// </para>
/// <para>
/// Honoured are <see cref="EmbeddingGenerationOptions.Dimensions"/> (the first so many, scaled to length 1 again; the model was not trained for
/// that) and <see cref="EmbeddingGenerationOptions.ModelId"/> (this model's or none).
/// </para>
/// </remarks>
public sealed class LayerSkipEmbeddingGenerator : IEmbeddingGenerator<string, Embedding<float>>
{
    // One of the two: a model, or what loads it.
    private readonly ServedModel? _model;
    private readonly LayerSkipModelLoader? _loader;
    private readonly EmbeddingGeneratorMetadata _metadata;
    private readonly bool _ownsEngine;
    private EmbeddingGeneratorMetadata? _loadedMetadata;
    private int _disposed;

    /// <summary>Creates a generator on an engine, which may serve chat clients too.</summary>
    /// <param name="engine">The engine.</param>
    /// <param name="options">Which layer; nothing else of them is used. Null: the middle one.</param>
    /// <param name="logger">Told of requests.</param>
    /// <param name="ownsEngine">Whether disposing the generator disposes the engine.</param>
    /// <exception cref="ArgumentOutOfRangeException">The layer is beyond the model's depth.</exception>
    /// <exception cref="InvalidOperationException">The model is synthetic and has no tokenizer.</exception>
    public LayerSkipEmbeddingGenerator(
        LayerSkipEngine engine,
        LayerSkipOptions? options = null,
        ILogger<LayerSkipEmbeddingGenerator>? logger = null,
        bool ownsEngine = false)
    {
        ArgumentNullException.ThrowIfNull(engine);
        _model = ServedModel.Create(engine, template: null, new LayerSkipOptions { EmbeddingLayer = options?.EmbeddingLayer }, logger);
        _metadata = Metadata(engine.Model.Name, dimensions: null);
        _ownsEngine = ownsEngine;
        Instruments.Shared.Watch(engine);
    }

    /// <summary>Creates a generator of a model that may still be loading: requests wait for it. The loader owns the model.</summary>
    internal LayerSkipEmbeddingGenerator(LayerSkipModelLoader loader)
    {
        _loader = loader;
        _metadata = Metadata(loader.ModelId, dimensions: null);
    }

    private ServedModel? Model => _model ?? _loader!.Model;

    /// <inheritdoc />
    /// <exception cref="ArgumentNullException"><paramref name="values"/> is null.</exception>
    /// <exception cref="ArgumentException">A value is null, or, when the result is awaited, has no tokens or more than the model's context.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Fewer dimensions than 1 are asked for, or, when the result is awaited, more than the model has.</exception>
    /// <exception cref="InvalidOperationException">The options name another model; or, when the result is awaited, the model could not be loaded.</exception>
    /// <exception cref="CheckpointException">When the result is awaited: a hidden state is not finite, for the model's weights are damaged.</exception>
    /// <exception cref="RequestQueueFullException">When the result is awaited: as many requests were unfinished as the engine, or the loading model, takes on. A request that has been taken on is not refused any more.</exception>
    /// <exception cref="InsufficientMemoryException">When the result is awaited: one value alone needs more memory than <see cref="LayerSkipOptions.KvCacheBudget"/>.</exception>
    /// <exception cref="NotSupportedException">When the result is awaited: the model is a <see cref="ScriptedModel"/>, which has no hidden states.</exception>
    /// <exception cref="OperationCanceledException">When the result is awaited: <paramref name="cancellationToken"/> was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The generator has been disposed.</exception>
    public Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(values);
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        if (options?.Dimensions is < 1)
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.Dimensions, "Dimensions must be at least 1.");
        }

        if (!string.IsNullOrEmpty(options?.ModelId) && options.ModelId != _metadata.DefaultModelId)
        {
            throw new InvalidOperationException(
                $"EmbeddingGenerationOptions.ModelId is '{options.ModelId}', but this generator runs '{_metadata.DefaultModelId}' only.");
        }

        string[] texts = [.. values];
        return Array.IndexOf(texts, null) is var missing && missing >= 0
            ? throw new ArgumentException($"Value {missing} is null.", nameof(values))
            : GenerateAsync(texts, options?.Dimensions, cancellationToken);
    }

    /// <inheritdoc />
    /// <remarks>
    /// Gives <see cref="EmbeddingGeneratorMetadata"/> (without its dimensions until the model is loaded), <see cref="LayerSkipEngine"/>,
    /// <see cref="LayerSkipModel"/>, <see cref="Tokenizer"/>, and the generator itself. Those of the model wait, blocking, until it is loaded.
    /// </remarks>
    /// <exception cref="InvalidOperationException">The model could not be loaded: the message says why.</exception>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(EmbeddingGeneratorMetadata) ? CurrentMetadata()
            : serviceType == typeof(LayerSkipEngine) ? WaitForModel().Engine
            : serviceType == typeof(LayerSkipModel) ? WaitForModel().Engine.Model
            : serviceType == typeof(Tokenizer) ? WaitForModel().Engine.Model.Tokenizer
            : serviceType.IsInstanceOfType(this) ? this
            : null;
    }

    /// <summary>
    /// Disposes the engine if the generator owns it: requests that are running then end with an <see cref="ObjectDisposedException"/>. Otherwise they go on.
    /// </summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0 || _model is null)
        {
            return;
        }

        Instruments.Shared.Unwatch(_model.Engine);
        if (_ownsEngine)
        {
            _model.Engine.Dispose();
        }
    }

    private static EmbeddingGeneratorMetadata Metadata(string model, int? dimensions) => new(Spans.Provider, providerUri: null, model, dimensions);

    private EmbeddingGeneratorMetadata CurrentMetadata()
    {
        if (_loadedMetadata is null && Model is { } model)
        {
            Interlocked.CompareExchange(ref _loadedMetadata, Metadata(_metadata.DefaultModelId!, model.Engine.Model.Config.HiddenSize), null);
        }

        return _loadedMetadata ?? _metadata;
    }

    private ServedModel WaitForModel() => _model ?? _loader!.WaitForModel();

    private async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(string[] texts, int? dimensions, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        var model = Model ?? await _loader!.WaitForRequestAsync(Spans.EmbeddingsOperation, cancellationToken).ConfigureAwait(false);

        // Thousands of texts take their time to encode: not the caller's.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        return await model.Telemetry.ObserveAsync(
            () => EmbedAsync(model, texts, dimensions, cancellationToken), Stopwatch.GetElapsedTime(start)).ConfigureAwait(false);
    }

    private static async Task<GeneratedEmbeddings<Embedding<float>>> EmbedAsync(
        ServedModel model, string[] texts, int? dimensions, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var engine = model.Engine;
        var hidden = engine.Model.Config.HiddenSize;
        if (dimensions > hidden)
        {
            throw new ArgumentOutOfRangeException(
                nameof(dimensions), dimensions, $"Dimensions must lie in 1..{hidden}: the model's hidden states have {hidden}.");
        }

        var inputs = await ReadingTurns.RunAsync(
            engine, () => new EmbeddingInputs(engine.Model, texts, cancellationToken), cancellationToken).ConfigureAwait(false);
        var embeddings = new GeneratedEmbeddings<Embedding<float>>(texts.Length)
        {
            Usage = new UsageDetails { InputTokenCount = inputs.Tokens.Length, TotalTokenCount = inputs.Tokens.Length },
        };
        if (texts.Length == 0)
        {
            return embeddings;
        }

        var means = await engine.MeanHiddenStatesAsync(inputs.Tokens, inputs.Lengths, model.EmbeddingLayer, cancellationToken).ConfigureAwait(false);
        for (var i = 0; i < texts.Length; i++)
        {
            var vector = means.AsSpan(i * hidden, dimensions ?? hidden).ToArray();
            Normalize(vector);
            embeddings.Add(new Embedding<float>(vector) { ModelId = engine.Model.Name, CreatedAt = DateTimeOffset.UtcNow });
        }

        return embeddings;
    }

    /// <summary>Scales to length 1; what is zero all through stays so.</summary>
    private static void Normalize(float[] vector)
    {
        var length = Math.Sqrt(vector.Sum(static value => (double)value * value));
        if (length > 0)
        {
            for (var i = 0; i < vector.Length; i++)
            {
                vector[i] = (float)(vector[i] / length);
            }
        }
    }
}
