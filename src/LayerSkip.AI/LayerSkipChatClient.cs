using System.Diagnostics;
using System.Runtime.CompilerServices;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Hosting;
using LayerSkip.AI.Requests;
using LayerSkip.AI.Responses;
using LayerSkip.AI.Telemetry;
using LayerSkip.Engine;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Constraints.Json;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Scheduling;
using LayerSkip.Engine.Tokenization;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace LayerSkip.AI;

/// <summary>Chats with a LayerSkip model in this process. Safe for concurrent use: requests at once share the engine's passes, and no request's answer depends on another.</summary>
/// <remarks>
/// <para>
/// <b>Prompt.</b> Every request brings the whole conversation; the checkpoint's chat template turns it into the prompt. Only the template's own
/// text can become control tokens, whatever users write, unless <see cref="LayerSkipOptions.AllowControlTokensInMessages"/> says so; assistant messages can hold added tokens that are not special. A checkpoint
/// without a template gets <see cref="ChatTemplate.Default"/>, and then the tokenizer's own special tokens (begin of sequence); its answers end where a line begins
/// with another speaker (<c>user:</c>, <c>system:</c>, <c>tool:</c>).
/// <see cref="ChatOptions.Instructions"/> and system messages that the template would refuse or drop are put before the text of the user's
/// turn that follows, where it insists on alternating roles, neighbours of one role are joined, where on one call a turn, calls are told
/// one by one, and where on a user who speaks first, one who says nothing goes before an assistant's greeting. Tools that it leaves out are described in the system message.
/// </para>
/// <para>
/// <b>Options.</b> Honoured are <c>Instructions</c>, <c>Temperature</c> (0: greedy), <c>TopK</c>, <c>TopP</c> (0: the likeliest token only), <c>Seed</c>,
/// <c>MaxOutputTokens</c>, <c>StopSequences</c> (in text, not within tool calls), <c>FrequencyPenalty</c> and <c>PresencePenalty</c> (of the
/// answer's own tokens, as OpenAI has them), <c>Tools</c> (all functions, implemented or not), <c>ToolMode</c>, <c>AllowMultipleToolCalls</c>,
/// <c>ResponseFormat</c> (JSON of a schema, or any object: the answer is held to it, see <see cref="JsonGrammar"/>), <c>ModelId</c> (this model's or none), and in <c>AdditionalProperties</c> <c>exit_layer</c>, <c>num_speculations</c>,
/// <c>decoding_mode</c>, <c>draft_controller</c>, <c>draft_threshold</c>, <c>draft_source</c>, <c>draft_weights</c>, <c>min_p</c>, <c>prefix_scope</c>, <c>logprobs</c>,
/// <c>top_logprobs</c> and <c>chat_template_kwargs</c>, see <see cref="ChatOptionsExtensions"/>; other keys there are left to others, one that is a setting's but for its
/// spelling (<c>exitLayer</c>) is dealt with as <see cref="LayerSkipOptions.UnsupportedOptions"/> says. <c>RawRepresentationFactory</c> may give <see cref="DecodingOptions"/>: what
/// they set wins, and members left null are filled from the rest (its sampling is one member, of which only the seed is filled). Where a request is silent, <see cref="LayerSkipOptions"/> hold,
/// then the checkpoint's <c>generation_config.json</c>.
/// </para>
/// <para>
/// <b>Greedy answers</b> are the same, bit for bit, self-speculative and autoregressive. Sampled ones have the same distribution, and with a
/// seed they are the same in both modes, too, however tokens are drafted.
/// </para>
/// <para>
/// <b>Answers.</b> Text is exactly what the model wrote, special tokens left out but for marks of calls and of reasoning: a leading space stays, unless the checkpoint's decoder drops it (SentencePiece's does). <c>Length</c> is the finish reason at the
/// token limit and at the context's end, <c>ToolCalls</c> where a tool is called. A call comes whole and its <c>CallId</c> is unique; its
/// arguments are <see cref="System.Text.Json.JsonElement"/>s or null. Output tokens count an end-of-sequence token and the tokens of a stop sequence, cached
/// input tokens those whose KV entries another request had computed. Usage has in
/// <c>AdditionalCounts</c> <c>OutputTokenDetails.AcceptedPredictionTokenCount</c>, <c>OutputTokenDetails.RejectedPredictionTokenCount</c>,
/// <c>LayerSkip.ForcedTokenCount</c> (tokens that the response format left no choice about), <c>LayerSkip.DraftTokenCount</c>, <c>LayerSkip.VerificationCount</c>, <c>LayerSkip.LayersExecuted</c> (passes over a layer's weights) and
/// <c>LayerSkip.LayersSkipped</c> (how many fewer than full-depth decoding makes; negative where drafting did not pay). Accepted are drafted
/// tokens among the output tokens, rejected all others that were drafted; the rest is of all that the engine did, which may be some tokens more than a stop sequence let through. Its <c>RawRepresentation</c> is the
/// <see cref="GenerationStatistics"/>. The response's <c>AdditionalProperties</c> have <c>decoding_mode</c>, <c>draft_controller</c> where drafts were wanted,
/// <c>exit_layer</c>, <c>mean_exit_layer</c>, <c>num_speculations</c>, <c>acceptance_rate</c> (null where nothing was drafted), <c>tokens_per_round</c>, <c>prefill_ms</c>, <c>decode_ms</c>,
/// <c>tokens_per_second</c> and <c>time_per_token_ms</c>.
/// </para>
/// <para>
/// <b>Reasoning.</b> <c>Reasoning.Effort</c> sets the template's <c>enable_thinking</c> or <c>thinking</c> (false for <c>None</c>) and <c>reasoning_effort</c>, whichever
/// it reads. Where the template knows <c>&lt;/think&gt;</c>, what an answer has up to it comes as <see cref="TextReasoningContent"/>, or not at all under
/// <c>Reasoning.Output</c> <c>None</c>; usage counts its tokens either way. Call marks in it are
/// nothing but text. An answer that must be JSON or a call has reasoning only where the prompt begins it, or <c>Reasoning.Effort</c> asks for it.
/// </para>
/// <para>
/// <b>Log-probabilities.</b> Asked for with <c>logprobs</c> (true or false) and <c>top_logprobs</c> (0 .. 20 likeliest tokens beside each), they
/// are <c>logprobs</c> of the message's <c>AdditionalProperties</c>, a <see cref="System.Text.Json.JsonElement"/> in OpenAI's shape:
/// <c>{"content": [{"token", "logprob", "bytes", "top_logprobs": [{"token", "logprob", "bytes"}]}]}</c>, with an entry for each output token, the
/// end-of-sequence token included (special tokens have null bytes, a probability of 0 is -9999). In a stream, each text update has those of its
/// tokens, and the update with the finish reason has them all. See <see cref="DecodingOptions.TopLogProbabilities"/> for what they are of.
/// </para>
/// </remarks>
public sealed class LayerSkipChatClient : IChatClient
{
    // One of the two: a model, or what loads it.
    private readonly ServedModel? _model;
    private readonly LayerSkipModelLoader? _loader;
    private readonly ChatClientMetadata _metadata;
    private readonly bool _ownsEngine;
    private int _disposed;

    /// <summary>Creates a client of an engine.</summary>
    /// <param name="engine">The engine.</param>
    /// <param name="template">The model's chat template; null for <see cref="ChatTemplate.Default"/>.</param>
    /// <param name="options">What holds where requests are silent; path, device, threads and weight format are not used. Null: the checkpoint's defaults.</param>
    /// <param name="logger">Told of requests, and of what they ask for in vain.</param>
    /// <param name="ownsEngine">Whether disposing the client disposes the engine.</param>
    /// <exception cref="ArgumentException">An option is outside its range or does not fit the model, such as an exit layer beyond its depth; the message names it.</exception>
    /// <exception cref="InvalidOperationException">The model is synthetic and has no tokenizer.</exception>
    public LayerSkipChatClient(
        LayerSkipEngine engine,
        ChatTemplate? template = null,
        LayerSkipOptions? options = null,
        ILogger<LayerSkipChatClient>? logger = null,
        bool ownsEngine = false)
    {
        ArgumentNullException.ThrowIfNull(engine);
        _model = ServedModel.Create(engine, template, options, logger);
        _metadata = Metadata(engine.Model.Name);
        _ownsEngine = ownsEngine;
        Instruments.Shared.Watch(engine);
    }

    /// <summary>Creates a client of a model that may still be loading: requests wait for it. The loader owns the model.</summary>
    internal LayerSkipChatClient(LayerSkipModelLoader loader)
    {
        _loader = loader;
        _metadata = Metadata(loader.ModelId);
    }

    private LayerSkipChatClient(ServedModel model)
    {
        _model = model;
        _metadata = Metadata(model.Engine.Model.Name);
        _ownsEngine = true;
        Instruments.Shared.Watch(model.Engine);
    }

    /// <summary>Loads a checkpoint and creates a client that owns it.</summary>
    /// <param name="modelPath">The checkpoint: a directory in Hugging Face layout, or a GGUF file.</param>
    /// <exception cref="ArgumentException"><paramref name="modelPath"/> is null or empty.</exception>
    /// <exception cref="CheckpointException">A file, field or tensor is missing or wrong; the message names it. Or the weights are damaged: the model computes no finite numbers.</exception>
    /// <exception cref="OutOfMemoryException">The weights do not fit into memory.</exception>
    public static LayerSkipChatClient Load(string modelPath) => Load(new LayerSkipOptions { ModelPath = modelPath });

    /// <summary>Loads a checkpoint and creates a client that owns it.</summary>
    /// <param name="options">Which checkpoint, where to run it, and how to decode.</param>
    /// <param name="logger">Told of requests, and of what they ask for in vain.</param>
    /// <param name="progress">Told the share of the weights loaded, 0 .. 1.</param>
    /// <param name="cancellationToken">Ends the loading between layers.</param>
    /// <exception cref="CheckpointException">A file, field or tensor is missing or wrong; the message names it. Or the weights are damaged: the model computes no finite numbers.</exception>
    /// <exception cref="ArgumentException">
    /// The path is empty or an option is outside its range, which is told before anything is loaded, or an option does not fit the model; the
    /// message names it.
    /// </exception>
    /// <exception cref="DeviceException">The device that was asked for is not there, or cannot run the model.</exception>
    /// <exception cref="OutOfMemoryException">The weights do not fit into memory.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public static LayerSkipChatClient Load(
        LayerSkipOptions options,
        ILogger<LayerSkipChatClient>? logger = null,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new LayerSkipChatClient(ServedModel.Load(options, logger, progress, cancellationToken));
    }

    /// <summary>As <see cref="Load(LayerSkipOptions, ILogger{LayerSkipChatClient}?, IProgress{double}?, CancellationToken)"/>, on a thread of its own.</summary>
    /// <param name="options">Which checkpoint, where to run it, and how to decode.</param>
    /// <param name="logger">Told of requests, and of what they ask for in vain.</param>
    /// <param name="progress">Told the share of the weights loaded, 0 .. 1, on that thread.</param>
    /// <param name="cancellationToken">Ends the loading between layers.</param>
    /// <exception cref="CheckpointException">A file, field or tensor is missing or wrong; the message names it. Or the weights are damaged: the model computes no finite numbers.</exception>
    /// <exception cref="ArgumentException">
    /// The path is empty or an option is outside its range, which is told before anything is loaded, or an option does not fit the model; the
    /// message names it.
    /// </exception>
    /// <exception cref="DeviceException">The device that was asked for is not there, or cannot run the model.</exception>
    /// <exception cref="OutOfMemoryException">The weights do not fit into memory.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public static Task<LayerSkipChatClient> LoadAsync(
        LayerSkipOptions options,
        ILogger<LayerSkipChatClient>? logger = null,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return Task.Factory.StartNew(
            () => Load(options, logger, progress, cancellationToken), cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <inheritdoc />
    /// <remarks>
    /// The response is what the updates of <see cref="GetStreamingResponseAsync"/> add up to. All that this throws but for these two exceptions
    /// comes when the result is awaited.
    /// </remarks>
    /// <exception cref="ArgumentNullException"><paramref name="messages"/> is null.</exception>
    /// <exception cref="ObjectDisposedException">The client has been disposed.</exception>
    public Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        return RespondAsync(messages, options, cancellationToken);
    }

    /// <inheritdoc />
    /// <remarks>
    /// The options are checked and the messages taken here; when the stream is first read, the conversation is rendered, on a thread of the
    /// pool, when one of as many turns as there are processors is free, and the request queued. If there are too many requests it fails with a
    /// <see cref="RequestQueueFullException"/>, as a rule before that work. While the model of a
    /// container is loading, as many requests wait as the engine will take on, and what only the model tells to be wrong with the options is told once it is loaded.
    /// Cancellation ends either with an <see cref="OperationCanceledException"/>. Neither the messages nor the options are changed.
    /// </remarks>
    /// <exception cref="ArgumentNullException"><paramref name="messages"/> is null.</exception>
    /// <exception cref="ArgumentException">
    /// An option does not parse, is outside its range or does not fit the model. Or, when the stream is first read: the conversation has no
    /// messages, one that is null or holds data that should be text and is not valid UTF-8, or
    /// nothing satisfies a schema.
    /// </exception>
    /// <exception cref="PromptTooLongException">When the stream is first read: the conversation has more tokens than fit the model's context.</exception>
    /// <exception cref="ChatTemplateException">When the stream is first read: the checkpoint's chat template refuses the conversation.</exception>
    /// <exception cref="InvalidOperationException">The options name another model, or the model could not be loaded: the message says why.</exception>
    /// <exception cref="NotSupportedException">
    /// The request continues a conversation by id or resumes an answer, or the client was told to refuse what it does not support. Or, when the
    /// stream is first read: a message holds data other than text.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The client has been disposed.</exception>
    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        return Answer(messages, options, cancellationToken);
    }

    /// <inheritdoc />
    /// <remarks>
    /// Gives <see cref="ChatClientMetadata"/>, <see cref="LayerSkipEngine"/>, <see cref="LayerSkipModel"/>, <see cref="Tokenizer"/>,
    /// <see cref="ChatTemplate"/>, and the client itself. Those of the model wait, blocking, until it is loaded.
    /// </remarks>
    /// <exception cref="InvalidOperationException">The model could not be loaded: the message says why.</exception>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(ChatClientMetadata) ? _metadata
            : serviceType == typeof(LayerSkipEngine) ? WaitForModel().Engine
            : serviceType == typeof(LayerSkipModel) ? WaitForModel().Engine.Model
            : serviceType == typeof(Tokenizer) ? WaitForModel().Engine.Model.Tokenizer
            : serviceType == typeof(ChatTemplate) ? WaitForModel().Template
            : serviceType.IsInstanceOfType(this) ? this
            : null;
    }

    /// <summary>
    /// Disposes the engine if the client owns it: requests that are running then end with an <see cref="ObjectDisposedException"/>. Otherwise they go on.
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

    private static ChatClientMetadata Metadata(string model) => new(Spans.Provider, providerUri: null, model);

    /// <summary>The model, waited for while it is loading.</summary>
    internal Task<ServedModel> WaitForModelAsync(CancellationToken cancellationToken) =>
        _model is { } model ? Task.FromResult(model) : _loader!.WaitForModelAsync(cancellationToken);

    /// <summary>The model, null while it is loading.</summary>
    private ServedModel? Model => _model ?? _loader!.Model;

    private ServedModel WaitForModel() => _model ?? _loader!.WaitForModel();

    // Asynchronous, so that of requests that are made together one that is refused leaves the others to be awaited.
    private async Task<ChatResponse> RespondAsync(IEnumerable<ChatMessage> messages, ChatOptions? options, CancellationToken cancellationToken) =>
        await Answer(messages, options, cancellationToken).ToChatResponseAsync(cancellationToken).ConfigureAwait(false);

    private IAsyncEnumerable<ChatResponseUpdate> Answer(IEnumerable<ChatMessage> messages, ChatOptions? options, CancellationToken cancellationToken) =>
        Model is { } model
            ? Answer(model, messages, options, TimeSpan.Zero, cancellationToken)
            : AnswerWhenLoaded(_loader!, messages, options, cancellationToken);

    // A request may have waited for the model.
    private IAsyncEnumerable<ChatResponseUpdate> Answer(
        ServedModel model, IEnumerable<ChatMessage> messages, ChatOptions? options, TimeSpan waited, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        try
        {
            var settings = model.Reader.Check(this, options);
            ChatMessage[] said = [.. messages];
            return AnswerAsync(model, settings, said, waited + Stopwatch.GetElapsedTime(start), cancellationToken);
        }
        catch (Exception e)
        {
            model.Telemetry.RecordRefused(e, waited + Stopwatch.GetElapsedTime(start));
            throw;
        }
    }

    private static async IAsyncEnumerable<ChatResponseUpdate> AnswerAsync(
        ServedModel model, RequestSettings settings, ChatMessage[] messages, TimeSpan before, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();

        // What there is to read may take seconds: not the caller's, whose thread may be a window's.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        ChatRequest request;
        try
        {
            request = await ReadingTurns.RunAsync(
                model.Engine, () => model.Reader.Read(settings, messages, cancellationToken), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            model.Telemetry.RecordRefused(e, before + Stopwatch.GetElapsedTime(start));
            throw;
        }

        var updates = model.Telemetry.Observe(
            request, before + Stopwatch.GetElapsedTime(start), observation => StreamAsync(model, request, observation, cancellationToken));
        await foreach (var update in updates.ConfigureAwait(false))
        {
            yield return update;
        }
    }

    private IAsyncEnumerable<ChatResponseUpdate> AnswerWhenLoaded(
        LayerSkipModelLoader loader, IEnumerable<ChatMessage> messages, ChatOptions? options, CancellationToken cancellationToken)
    {
        try
        {
            ChatRequestReader.RequireHonoured(options, loader.ModelId);
        }
        catch (Exception e)
        {
            loader.RecordRefused(Spans.ChatOperation, e);
            throw;
        }

        return StreamWhenLoadedAsync(loader, [.. messages], options?.Clone(), cancellationToken);
    }

    private async IAsyncEnumerable<ChatResponseUpdate> StreamWhenLoadedAsync(
        LayerSkipModelLoader loader, ChatMessage[] messages, ChatOptions? options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        var model = await loader.WaitForRequestAsync(Spans.ChatOperation, cancellationToken).ConfigureAwait(false);
        await foreach (var update in Answer(model, messages, options, Stopwatch.GetElapsedTime(start), cancellationToken).ConfigureAwait(false))
        {
            yield return update;
        }
    }

    private static async IAsyncEnumerable<ChatResponseUpdate> StreamAsync(
        ServedModel model, ChatRequest request, RequestObservation? observation, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var engine = model.Engine;
        var updates = new AnswerUpdates(engine.Model.Name);
        var tokenizer = model.Reader.AnswerTokenizer;
        var answer = new AnswerText(tokenizer, request.StopSequences, request.Calls?.CreateReader(), request.Reasoning);

        // Disposed also where the consumer walks away: the engine stops, and the KV cache is freed.
        var tokens = engine.Generate(request.Prompt, request.Decoding, cancellationToken);
        var logProbabilities = request.Decoding.TopLogProbabilities is null ? null : new AnswerLogProbabilities(tokenizer, tokens);
        await using (tokens.ConfigureAwait(false))
        {
            bool more;
            do
            {
                more = await tokens.WaitToReadAsync().ConfigureAwait(false);
                observation?.SeeTokens();

                // The engine may have decoded everything before the cancellation; the answer must not end as if there were none.
                cancellationToken.ThrowIfCancellationRequested();
                foreach (var content in answer.Read(tokens.Read(), tokens.CurtailedAt))
                {
                    yield return updates.Content(content, logProbabilities?.Next(answer.Tokens));
                }
            }
            while (more && !answer.IsStopped);
        }

        foreach (var content in answer.End(cut: tokens.FinishReason is FinishReason.MaxNewTokens or FinishReason.ContextEnd))
        {
            yield return updates.Content(content, logProbabilities?.Next(answer.Tokens));
        }

        // The end may have brought a stop sequence to light.
        var reason = answer.IsStopped ? FinishReason.Stop : tokens.FinishReason;
        yield return updates.End(
            reason, answer, tokens.Statistics, tokens.CountAccepted(answer.Tokens), engine.Model.Config.Layers, logProbabilities?.All(answer.Tokens));
        yield return updates.Statistics(tokens.Mode, tokens.ExitLayer, tokens.NumSpeculations, tokens.Controller, tokens.Statistics);
    }
}
