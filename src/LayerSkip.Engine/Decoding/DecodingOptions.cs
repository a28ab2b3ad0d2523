using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Sampling;

namespace LayerSkip.Engine.Decoding;

/// <summary>What a caller asks of one generation. What is left null is said beside each member.</summary>
public sealed record DecodingOptions
{
    /// <summary>
    /// How to decode. Null: <see cref="DecodingMode.SelfSpeculative"/> where the checkpoint declares LayerSkip defaults (its speculation length not being 0), or one of
    /// <see cref="ExitLayer"/>, <see cref="DraftController"/>, <see cref="DraftSource"/> and coarse <see cref="DraftWeights"/>, where the device drafts by them, is given, else <see cref="DecodingMode.Autoregressive"/>.
    /// </summary>
    public DecodingMode? Mode { get; init; }

    /// <summary>
    /// Exit layer E, in 1 .. L - 1: how many layers the draft runs, and the only exit that a <see cref="DraftController"/> may choose. L, too, where drafts go by coarse
    /// <see cref="DraftWeights"/>: a draft by all layers, which needs no checkpoint trained for exits (<see cref="DraftController.Dynamic"/> knows none). Null: the
    /// checkpoint's, else L by coarse weights; a controller that chooses begins there. Not used by <see cref="DecodingMode.Autoregressive"/>.
    /// </summary>
    public int? ExitLayer { get; init; }

    /// <summary>
    /// Speculation length d: most tokens drafted in a round, in 1 .. 64. Null: the checkpoint's, else 4 or, where the <see cref="DraftController"/>
    /// decides how far to go, 16 (<see cref="DraftController.Auto"/> and <see cref="DraftController.Dynamic"/>: at least 16). Used by
    /// <see cref="DecodingMode.SelfSpeculative"/> alone, as are the options of drafts below.
    /// </summary>
    public int? NumSpeculations { get; init; }

    /// <summary>
    /// What decides how deep and how far each draft goes. Null: <see cref="DraftController.Fixed"/> where <see cref="ExitLayer"/> or
    /// <see cref="NumSpeculations"/> is given, else the checkpoint's, else <see cref="DraftController.Auto"/>. A device that runs rounds as a whole
    /// (CUDA) has <see cref="DraftController.Fixed"/> in place of the latter where the checkpoint declares an exit layer, with what follows from that below and above.
    /// </summary>
    public DraftController? DraftController { get; init; }

    /// <summary>
    /// In 0 .. 1. Of <see cref="DraftController.Confidence"/> the probability below which a token is a draft's last (null: the checkpoint's, else 0.6); of
    /// <see cref="DraftController.Adaptive"/> the acceptance rate to keep to (null: the checkpoint's, else 0.9). Others do not use it.
    /// </summary>
    public float? DraftThreshold { get; init; }

    /// <summary>
    /// Where drafts come from. Null: the checkpoint's, else <see cref="DraftSource.Combined"/> with <see cref="DraftController.Auto"/> and
    /// <see cref="DraftSource.Exit"/> with others.
    /// </summary>
    public DraftSource? DraftSource { get; init; }

    /// <summary>
    /// By which weights drafts run the layers below their exit. Null: the checkpoint's, else <see cref="DraftWeights.Exact"/>. Coarse ones are used where they save something: on the CPU, of
    /// float32 and bfloat16 weights, by a request that runs by itself; a copy of the layers is made when it is first drafted by, and kept. Elsewhere drafts go by the layers
    /// themselves, and nothing is drafted by all of them. The output is the same.
    /// </summary>
    public DraftWeights? DraftWeights { get; init; }

    /// <summary>Draft by the whole head as it is, even where the checkpoint declares a draft vocabulary, or the device has a coarser head for drafts: for measurements. The output is the same.</summary>
    public bool DraftByWholeHead { get; init; }

    /// <summary>Most tokens to generate, at least 1. Null: until the context ends.</summary>
    public int? MaxNewTokens { get; init; }

    /// <summary>How tokens are chosen. Null: greedily; through a chat client, as the request's other options and the checkpoint say.</summary>
    public SamplingOptions? Sampling { get; init; }

    /// <summary>Further ids that end the generation, beside the checkpoint's end-of-sequence ids.</summary>
    public IReadOnlyList<int> StopTokenIds { get; init; } = [];

    /// <summary>Do not end at the checkpoint's end-of-sequence ids: for measurements of a given length.</summary>
    public bool IgnoreEndOfSequence { get; init; }

    /// <summary>Applied to draft and full-model logits alike, in this order, before temperature.</summary>
    public IReadOnlyList<ILogitsProcessor> LogitsProcessors { get; init; } = [];

    /// <summary>
    /// Restricts the output to a language of texts; null: anything may be written. It is applied behind the processors, to draft and full
    /// model alike (a device that runs rounds as a whole drafts without it, and holds the full model's choices to it). Tokens of which it leaves no choice take no decision of the model (unless <see cref="TokenConstraint.TakesCertainText"/> is
    /// false); they ride along in a round's pass. End-of-sequence and stop tokens are allowed exactly where the output may end, and where nothing
    /// else may follow the generation ends by itself (<see cref="FinishReason.Complete"/>). As the limit of new tokens or the context's end comes
    /// near, only what can still be completed is allowed: an output that was cut short so is of the language, and says
    /// <see cref="FinishReason.MaxNewTokens"/> or <see cref="FinishReason.ContextEnd"/>. A limit that is less than the shortest text needs cuts the
    /// output anyway.
    /// </summary>
    public TokenConstraint? Constraint { get; init; }

    /// <summary>
    /// Keep the log-probability of each output token, and of this many likeliest ones in its place, 0 .. 20, no more than the vocabulary has; null: none. They are the model's
    /// own at temperature 1, of the layers that decide the token, before processors and constraints; whether tokens are drafted makes no difference.
    /// They cost another pass of the head for each round.
    /// </summary>
    public int? TopLogProbabilities { get; init; }

    /// <summary>
    /// Whom the request shares prefixes of prompts with: an engine reuses what it has computed for requests of the same scope alone (null is
    /// one, too). The output is the same whatever is reused; its time and <see cref="GenerationStatistics.CachedTokens"/> tell that a prefix was there.
    /// </summary>
    public string? PrefixScope { get; init; }
}
