using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Decoding.Drafting;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.Engine;

/// <summary>A checkpoint loaded onto a device, ready to decode. Safe for concurrent use; steps are serialised on the device.</summary>
public sealed class LayerSkipModel : IDisposable
{
    private readonly IDeviceModel _device;
    private readonly Tokenizer? _tokenizer;
    private readonly StepCostBook _costs;

    private LayerSkipModel(string name, IDeviceModel device, GenerationDefaults defaults, Tokenizer? tokenizer, string? deviceFallback = null)
    {
        Name = name;
        _device = device;
        DeviceFallback = deviceFallback;
        Defaults = defaults;
        _tokenizer = tokenizer;
        _costs = new StepCostBook(device);
    }

    /// <summary>The checkpoint's name: its folder's, or its GGUF file's without the ending.</summary>
    public string Name { get; }

    /// <summary>The model's shape.</summary>
    public ModelConfig Config => _device.Config;

    /// <summary>The checkpoint's own generation defaults, LayerSkip's among them.</summary>
    public GenerationDefaults Defaults { get; }

    /// <summary>The checkpoint's tokenizer.</summary>
    /// <exception cref="InvalidOperationException">The model is synthetic and has none.</exception>
    public Tokenizer Tokenizer =>
        _tokenizer ?? throw new InvalidOperationException($"the synthetic model '{Name}' has no tokenizer");

    /// <summary>The device and how it computes, such as <c>cpu (2 threads, avx2)</c>.</summary>
    public string Device => _device.Device;

    /// <summary>Why the model runs on the CPU, where <see cref="ModelOptions.Device"/> was <c>auto</c> and a provider was given; null otherwise.</summary>
    public string? DeviceFallback { get; }

    /// <summary>The device's own steps, for callers that put rows of many sequences into one pass.</summary>
    internal IDeviceModel Steps => _device;

    /// <summary>How the layers' weight matrices are kept.</summary>
    public WeightFormat WeightFormat => _device.WeightFormat;

    /// <summary>Bytes of the weights on the device.</summary>
    public long WeightBytes => _device.WeightBytes;

    /// <summary>Bytes of all KV caches alive.</summary>
    public long KvBytes => _device.KvBytes;

    /// <summary>Bytes of one sequence's KV cache.</summary>
    /// <param name="positions">Tokens of prompt and output together, at least 0.</param>
    public long KvBytesOf(int positions)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(positions);
        return _device.KvBytesOf(positions);
    }

    /// <summary>Loads a checkpoint.</summary>
    /// <param name="path">A directory in Hugging Face layout, with config.json, the safetensors and the tokenizer; or a GGUF file.</param>
    /// <param name="options">Device, threads, weight format.</param>
    /// <param name="progress">Told the share of the weights loaded, 0..1.</param>
    /// <param name="cancellationToken">Ends the loading between layers.</param>
    /// <exception cref="CheckpointException">A file, field or tensor is missing or wrong; the message names it.</exception>
    /// <exception cref="ArgumentException">The path is empty, or the device is unknown.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The thread count is out of range.</exception>
    /// <exception cref="DeviceException">The device that was asked for is not there, or cannot run the model.</exception>
    /// <exception cref="OutOfMemoryException">The weights do not fit into memory.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public static LayerSkipModel Load(
        string path, ModelOptions? options = null, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(path);
        using var checkpoint = Checkpoint.Open(path);
        var tokenizer = Tokenizer.Load(path, checkpoint.Config.VocabularySize);
        var (device, fallback) = DeviceLoader.Load(
            checkpoint.Config, checkpoint.Weights, checkpoint.Generation, options ?? new(), progress, cancellationToken);
        return new(Checkpoint.NameOf(path), device, checkpoint.Generation, tokenizer, fallback);
    }

    /// <summary>Loads weights from any source: a synthetic model for measurements, without a tokenizer.</summary>
    /// <param name="name">What to call it.</param>
    /// <param name="config">The model's shape.</param>
    /// <param name="weights">Its weights; not needed afterwards.</param>
    /// <param name="defaults">Generation defaults; null: none.</param>
    /// <param name="options">Device, threads, weight format.</param>
    /// <param name="progress">Told the share of the weights loaded, 0..1.</param>
    /// <param name="cancellationToken">Ends the loading between layers.</param>
    /// <exception cref="CheckpointException">A tensor is missing or has another shape.</exception>
    /// <exception cref="ArgumentException">The device is unknown.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The thread count or a token of the draft vocabulary is out of range.</exception>
    /// <exception cref="DeviceException">The device that was asked for is not there, or cannot run the model.</exception>
    /// <exception cref="OutOfMemoryException">The weights do not fit into memory.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public static LayerSkipModel FromWeights(
        string name,
        ModelConfig config,
        WeightSource weights,
        GenerationDefaults? defaults = null,
        ModelOptions? options = null,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        defaults ??= new();
        var (device, fallback) = DeviceLoader.Load(config, weights, defaults, options ?? new(), progress, cancellationToken);
        return new(name, device, defaults, tokenizer: null, fallback);
    }

    /// <summary>A model of a device that is not loaded from weights.</summary>
    internal static LayerSkipModel FromDevice(string name, IDeviceModel device, GenerationDefaults defaults, Tokenizer tokenizer) =>
        new(name, device, defaults, tokenizer);

    /// <summary>Starts a generation on the caller's thread; <see cref="Scheduling.LayerSkipEngine"/> serves many at once.</summary>
    /// <param name="prompt">Token ids, at least one, fewer than the model's context.</param>
    /// <param name="options">How to decode; null: greedy, drafting as the checkpoint declares, until it stops or the context ends.</param>
    /// <exception cref="ArgumentException">The prompt is empty or too long, or an option does not fit the model; the message names it.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A token or an option is outside its range.</exception>
    public Generation Generate(ReadOnlySpan<int> prompt, DecodingOptions? options = null) =>
        Generate(prompt, Plan(options ?? new()));

    /// <summary>Starts a generation by a plan of this model.</summary>
    internal Generation Generate(ReadOnlySpan<int> prompt, DecodingPlan plan) => new(_device, prompt, plan, costBook: _costs, name: Name);

    /// <summary>Checks a request as <see cref="Generate(ReadOnlySpan{int}, DecodingOptions?)"/> does, without starting anything.</summary>
    internal DecodingPlan Plan(ReadOnlySpan<int> prompt, DecodingOptions? options)
    {
        TokenChecks.CheckPrompt(Config, prompt);
        return Plan(options ?? new());
    }

    /// <summary>Completes and checks options as <see cref="Generate(ReadOnlySpan{int}, DecodingOptions?)"/> does, without starting anything.</summary>
    /// <param name="options">How to decode.</param>
    /// <param name="defaults">What to take for the checkpoint's own defaults; null: <see cref="Defaults"/>.</param>
    internal DecodingPlan Plan(DecodingOptions options, GenerationDefaults? defaults = null) =>
        DecodingPlan.Create(options, Config, defaults ?? Defaults, _device.RunsRounds(options.StopTokenIds.Count + Defaults.EndOfSequenceIds.Count), _device.DraftsBy);

    /// <summary>Checks options against the model as <see cref="Generate(ReadOnlySpan{int}, DecodingOptions?)"/> does, without starting anything.</summary>
    /// <param name="options">How to decode.</param>
    /// <exception cref="ArgumentException">An option does not fit the model; the message names it.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is outside its range.</exception>
    public void Validate(DecodingOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Plan(options);
    }

    /// <summary>
    /// The mean of each input's hidden states after a layer and the final norm, as the head of an exit there would see them: what embeddings are
    /// made of. Computed on the caller's thread; <see cref="Scheduling.LayerSkipEngine.MeanHiddenStatesAsync"/> does it beside other requests.
    /// </summary>
    /// <remarks>An input's mean is the same, bit for bit, in every batch and with every number of threads.</remarks>
    /// <param name="tokens">Token ids of the inputs, one input after the other.</param>
    /// <param name="lengths">Tokens of each input: at least 1, at most the model's context.</param>
    /// <param name="layer">Layers to run, 1 .. L for a model of L layers.</param>
    /// <param name="means">[inputs, hidden], row after row.</param>
    /// <param name="cancellationToken">Looked at between layers.</param>
    /// <exception cref="ArgumentException">The lengths do not fit the tokens, or <paramref name="means"/> has another size.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A token, a length or the layer is outside its range; the message names it.</exception>
    /// <exception cref="NotSupportedException">The model is a <see cref="ScriptedModel"/>, which has no hidden states.</exception>
    /// <exception cref="CheckpointException">A hidden state is not finite: the weights are damaged.</exception>
    public void MeanHiddenStates(
        ReadOnlySpan<int> tokens, ReadOnlySpan<int> lengths, int layer, Span<float> means, CancellationToken cancellationToken = default)
    {
        CheckPooling(tokens, lengths, layer);
        if (means.Length != lengths.Length * Config.HiddenSize)
        {
            throw new ArgumentException(
                $"There is room for {means.Length} values, expected {lengths.Length} inputs times the hidden size of {Config.HiddenSize}.", nameof(means));
        }

        using var pooling = StartPooling(tokens.ToArray(), lengths.ToArray(), layer);
        while (pooling.NextPass(cancellationToken))
        {
        }

        pooling.Means.CopyTo(means);
    }

    internal MeanPooling StartPooling(int[] tokens, int[] lengths, int layer, long maxKvBytes = long.MaxValue) =>
        new(_device, tokens, lengths, layer, maxKvBytes, Name);

    internal void CheckPooling(ReadOnlySpan<int> tokens, ReadOnlySpan<int> lengths, int layer)
    {
        if (!_device.HasHiddenStates)
        {
            throw new NotSupportedException($"The model '{Name}' is a scripted one, which has no hidden states.");
        }

        if (layer < 1 || layer > Config.Layers)
        {
            throw new ArgumentOutOfRangeException(nameof(layer), layer, $"The layer must lie in 1..{Config.Layers}: the model has {Config.Layers} layers.");
        }

        if (lengths.Length > Array.MaxLength / Config.HiddenSize)
        {
            throw new ArgumentException(
                $"There are {lengths.Length} inputs, expected at most {Array.MaxLength / Config.HiddenSize}: their means must fit an array.", nameof(lengths));
        }

        var total = 0L;
        for (var i = 0; i < lengths.Length; i++)
        {
            if (lengths[i] < 1 || lengths[i] > Config.MaxPositions)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(lengths), lengths[i], $"The length of input {i} must lie in 1..{Config.MaxPositions}, the model's context.");
            }

            total += lengths[i];
        }

        if (total != tokens.Length)
        {
            throw new ArgumentException($"The lengths add up to {total}, but there are {tokens.Length} tokens.", nameof(lengths));
        }

        TokenChecks.CheckTokens(Config, tokens, nameof(tokens));
    }

    /// <summary>Weight bytes that one pass over the layers [<paramref name="from"/>, <paramref name="to"/>) reads, whatever its number of rows.</summary>
    /// <param name="from">First layer.</param>
    /// <param name="to">End of the layers, exclusive.</param>
    /// <param name="head">Count the head too.</param>
    public long BytesRead(int from, int to, bool head) => _device.BytesRead(from, to, head);

    /// <summary>Frees the weights; no generation may be running.</summary>
    public void Dispose() => _device.Dispose();
}
