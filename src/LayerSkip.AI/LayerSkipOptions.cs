using LayerSkip.Engine;
using LayerSkip.Engine.Cuda;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Scheduling;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI;

/// <summary>Which model a <see cref="LayerSkipChatClient"/> runs, where, and how it decodes where a request does not say.</summary>
/// <remarks>
/// A request's own <see cref="ChatOptions"/> come first, then these, then the checkpoint's <c>generation_config.json</c>.
/// A client reads its options once, when it is created.
/// </remarks>
public sealed class LayerSkipOptions
{
    /// <summary>The checkpoint: a directory in Hugging Face layout, or a GGUF file. Not used where a client is created from an engine.</summary>
    public string ModelPath { get; set; } = string.Empty;

    /// <summary>
    /// Device to run on: <c>auto</c>, a usable NVIDIA GPU that can take the model, else the CPU (the log says why); <c>cpu</c>; <c>cuda</c>, the
    /// first GPU with memory for the model, else several that share its layers; or <c>cuda:1</c>, the second of all. Without the GPU that is asked for, loading fails with the reason.
    /// </summary>
    public string Device { get; set; } = "auto";

    /// <summary>Threads to compute with, 1 .. 1024; null: one for each processor. More than that wait for each other, and are slower: a warning says so.</summary>
    public int? Threads { get; set; }

    /// <summary>How the weight matrices are kept. The quantised formats are smaller and faster, and lossy.</summary>
    public WeightFormat WeightFormat { get; set; } = WeightFormat.Auto;

    /// <summary>Whether the CPU keeps matrices of bfloat16 and float32 compressed, without loss.</summary>
    public WeightCompression Compression { get; set; }

    /// <summary>
    /// How to decode. Null: <see cref="DecodingMode.SelfSpeculative"/> where the checkpoint declares LayerSkip defaults or one of an exit layer, a
    /// draft controller, a draft source and coarse draft weights is given, else <see cref="DecodingMode.Autoregressive"/>.
    /// </summary>
    public DecodingMode? Mode { get; set; }

    /// <summary>Exit layer E, in 1 .. L - 1 for a model of L layers, by coarse <see cref="DraftWeights"/> in 1 .. L. Null: the checkpoint's, else L by coarse weights.</summary>
    public int? ExitLayer { get; set; }

    /// <summary>Speculation length d, in 1 .. 64. Null: the checkpoint's, else 4 or what <see cref="DecodingOptions.NumSpeculations"/> says of controllers.</summary>
    public int? NumSpeculations { get; set; }

    /// <summary>
    /// What decides how deep and how far drafts go. Null: <see cref="LayerSkip.Engine.Decoding.DraftController.Fixed"/> where <see cref="ExitLayer"/> or
    /// <see cref="NumSpeculations"/> is given, else the checkpoint's, else <see cref="LayerSkip.Engine.Decoding.DraftController.Auto"/>; on a GPU
    /// <see cref="LayerSkip.Engine.Decoding.DraftController.Fixed"/> in place of the latter where the checkpoint declares an exit layer.
    /// </summary>
    public DraftController? DraftController { get; set; }

    /// <summary>The controller's threshold, in 0 .. 1; see <see cref="DecodingOptions.DraftThreshold"/>. Null: the checkpoint's, else the controller's own.</summary>
    public float? DraftThreshold { get; set; }

    /// <summary>Where drafts come from; see <see cref="DecodingOptions.DraftSource"/>. Null: the checkpoint's, else the controller's own.</summary>
    public DraftSource? DraftSource { get; set; }

    /// <summary>By which weights drafts run the layers below their exit; see <see cref="DecodingOptions.DraftWeights"/>. Null: the checkpoint's, else the model's own.</summary>
    public DraftWeights? DraftWeights { get; set; }

    /// <summary>Most tokens of an answer, at least 1. Null: the checkpoint's, else until the context ends.</summary>
    public int? MaxOutputTokens { get; set; }

    /// <summary>
    /// Sampling temperature, at least 0; 0 is greedy. Null: the checkpoint's, which is 0 where it says <c>do_sample: false</c> or nothing at all.
    /// </summary>
    public float? Temperature { get; set; }

    /// <summary>Sample from the k most likely tokens, at least 0; 0 is off. Null: the checkpoint's, else off.</summary>
    public int? TopK { get; set; }

    /// <summary>Sample from the most likely tokens that together reach this probability, in 0 .. 1; 0 takes the likeliest only, 1 is off. Null: the checkpoint's, else off.</summary>
    public float? TopP { get; set; }

    /// <summary>
    /// Whether control tokens that messages, tools and tool results spell (<c>&lt;|im_end|&gt;</c>) become control tokens, for callers who write
    /// them on purpose and let no text of others in. False unless set: such text stays text.
    /// </summary>
    public bool AllowControlTokensInMessages { get; set; }

    /// <summary>How the model writes tool calls. Null: as its chat template has it, else <see cref="LayerSkip.AI.ToolCallFormat.Plain"/>.</summary>
    public ToolCallFormat? ToolCallFormat { get; set; }

    /// <summary>
    /// Layer whose hidden states embeddings are made of, in 1 .. L for a model of L layers; a lower one is sooner done. Null: the middle one,
    /// L / 2 rounded up.
    /// </summary>
    public int? EmbeddingLayer { get; set; }

    /// <summary>
    /// Whether a request for JSON (<see cref="ChatOptions.ResponseFormat"/>) is also described to the model, schema included, at the end of the instructions. The
    /// answer has that form in any case; a model that knows it writes better values. True unless set.
    /// </summary>
    public bool DescribeResponseFormat { get; set; } = true;

    /// <summary>What to do with what a request asks for and the client cannot do. Warn unless set.</summary>
    public UnsupportedOptionBehavior UnsupportedOptions { get; set; } = UnsupportedOptionBehavior.Warn;

    /// <summary>Most requests that run at once, taking turns, at least 1. Not used where a client is created from an engine.</summary>
    public int MaxConcurrentRequests { get; set; } = 16;

    /// <summary>
    /// Most requests that wait beside those for their first turn, at least 0; further ones are refused with a
    /// <see cref="RequestQueueFullException"/>. Not used where a client is created from an engine.
    /// </summary>
    public int MaxQueuedRequests { get; set; } = 256;

    /// <summary>
    /// Whether a host stops when it cannot load the model (as <c>HostOptions.BackgroundServiceExceptionBehavior</c> says), and the process then ends with
    /// the exit code 1, unless it returns another itself. False unless set: the error is logged, and the health check and every request report it.
    /// </summary>
    public bool StopHostOnLoadFailure { get; set; }

    /// <summary>
    /// Most bytes of all KV caches, at least 1: those of running requests, and idle ones kept for later requests that begin alike. Null: half of
    /// the memory that the weights leave. See <see cref="EngineOptions.KvCacheBudget"/>. Not used where a client is created from an engine.
    /// </summary>
    public long? KvCacheBudget { get; set; }

    /// <summary>
    /// Of these, most bytes of idle caches; 0: nothing is reused. Null: a quarter of <see cref="KvCacheBudget"/> at most. See
    /// <see cref="EngineOptions.IdleKvCacheBudget"/>. Not used where a client is created from an engine.
    /// </summary>
    public long? IdleKvCacheBudget { get; set; }

    /// <summary>What in the configuration is no option or does not parse; the validator tells it together with what it finds itself.</summary>
    internal List<string> ConfigurationErrors { get; } = [];

    /// <summary>The path that the chat client's registration gave, if it did.</summary>
    internal string? ChatModelPath { get; set; }

    /// <summary>The path that the embedding generator's registration gave, if it did.</summary>
    internal string? EmbeddingModelPath { get; set; }

    internal ModelOptions ToModelOptions() => new()
    {
        Device = Device, DeviceProviders = [new CudaDeviceProvider()], Threads = Threads, WeightFormat = WeightFormat, Compression = Compression,
    };

    internal EngineOptions ToEngineOptions() => new()
    {
        MaxConcurrentRequests = MaxConcurrentRequests,
        MaxQueuedRequests = MaxQueuedRequests,
        KvCacheBudget = KvCacheBudget,
        IdleKvCacheBudget = IdleKvCacheBudget,
    };
}
