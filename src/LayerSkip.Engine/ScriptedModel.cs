using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices.Scripted;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.Engine;

/// <summary>
/// A model without weights whose logits walk given answers: a test double. Tokenizer, chat template, decoding, speculation, logits processors
/// and everything above them are the real ones.
/// </summary>
/// <remarks>
/// <para>
/// The scripted token has a logit far above all others, so that sampling finds it too. Where a logits processor bans it, the model wants to
/// end; if that is banned too, to close a JSON string, object or array; then any token, in an order that depends on the position alone. Its place in the
/// answer waits meanwhile: what a mask forces in between does not use the answer up, and white space that a mask bans is passed over.
/// </para>
/// <para>
/// The model also checks the engine's protocol: rows that skip
/// a layer, or a cache with a hole, end in an <see cref="InvalidOperationException"/>.
/// </para>
/// </remarks>
public static class ScriptedModel
{
    private const string EndOfTurn = "<|im_end|>";

    private static readonly string[] s_endOfSequence = [EndOfTurn, "<|endoftext|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"];

    private static readonly string[] s_specialTokens =
    [
        .. s_endOfSequence, "<|im_start|>", "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|python_tag|>",
    ];

    /// <summary>Creates a model that gives the answers in the order in which requests start; a request too many fails when it chooses its first token.</summary>
    /// <param name="answers">What the model writes, special tokens spelled out. It ends each with its end-of-sequence token.</param>
    public static LayerSkipModel Create(params IReadOnlyList<string> answers) => Create(answers, options: null);

    /// <summary>Creates a model that gives the answers in the order in which requests start; a request too many fails when it chooses its first token.</summary>
    /// <param name="answers">What the model writes, special tokens spelled out. It ends each with its end-of-sequence token.</param>
    /// <param name="options">The model's shape; null: the defaults.</param>
    /// <exception cref="ArgumentException">An option is outside its range, or the tokenizer has not the end-of-sequence tokens; the message names it.</exception>
    public static LayerSkipModel Create(IReadOnlyList<string> answers, ScriptedModelOptions? options)
    {
        ArgumentNullException.ThrowIfNull(answers);
        string[] copy = [.. answers];
        return Create(
            (_, request) => request < copy.Length
                ? copy[request]
                : throw new InvalidOperationException($"The scripted model has {copy.Length} answers, and this is request {request + 1}."),
            options ?? new());
    }

    /// <summary>Creates a model whose answer is a function of the prompt.</summary>
    /// <param name="answer">
    /// Gives the answer to a prompt: the text of all its tokens, special tokens spelled out. Called once for each request, on the thread that
    /// decodes it; what it throws ends that request.
    /// </param>
    /// <param name="options">The model's shape; null: the defaults.</param>
    /// <exception cref="ArgumentException">An option is outside its range, or the tokenizer has not the end-of-sequence tokens; the message names it.</exception>
    public static LayerSkipModel Create(Func<string, string> answer, ScriptedModelOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(answer);
        return Create((prompt, _) => answer(prompt), options ?? new());
    }

    private static LayerSkipModel Create(Func<string, int, string> answer, ScriptedModelOptions options)
    {
        RequireValid(options);
        var tokenizer = options.Tokenizer ?? ByteTokenizer.Create(s_specialTokens);
        int[] ends = [.. EndOfSequence(options).Select(text => tokenizer.TryGetId(text, out var id)
            ? id
            : throw new ArgumentException($"{nameof(ScriptedModelOptions)}.{nameof(options.EndOfSequence)}: the tokenizer has no token '{text}'.", nameof(options)))];

        var config = new ModelConfig
        {
            VocabularySize = tokenizer.VocabularySize,
            HiddenSize = 2,
            IntermediateSize = 2,
            Layers = options.Layers,
            AttentionHeads = 1,
            KeyValueHeads = 1,
            HeadDimension = 2,
            MaxPositions = options.ContextLength,
            ModelType = "scripted",
        };
        var defaults = new GenerationDefaults
        {
            EndOfSequenceIds = ends,
            ExitLayer = options.ExitLayer,
            NumSpeculations = options.ExitLayer is null ? null : options.NumSpeculations,

            // Its steps cost nothing, and its rounds are to be the same every time.
            DraftController = options.ExitLayer is null ? null : DraftController.Fixed,
        };
        var device = new ScriptedDevice(config, new ScriptedVocabulary(tokenizer, ends), answer, options.DraftAccuracy);
        return LayerSkipModel.FromDevice(options.Name, device, defaults, tokenizer);
    }

    private static IReadOnlyList<string> EndOfSequence(ScriptedModelOptions options) => options.EndOfSequence
        ?? (options.Tokenizer is null
            ? s_endOfSequence
            : throw new ArgumentException(
                $"{nameof(ScriptedModelOptions)}.{nameof(options.EndOfSequence)} is null, expected the tokens that end an answer, since the tokenizer is the caller's.",
                nameof(options)));

    private static void RequireValid(ScriptedModelOptions options)
    {
        Require(options.Layers >= 1, options.Layers, nameof(options.Layers), "at least 1");
        Require(options.ExitLayer is null || (options.ExitLayer >= 1 && options.ExitLayer < options.Layers),
            options.ExitLayer, nameof(options.ExitLayer), $"null or 1..{options.Layers - 1}");
        Require(options.NumSpeculations is >= 1 and <= 64, options.NumSpeculations, nameof(options.NumSpeculations), "1..64");
        Require(options.DraftAccuracy is >= 0 and <= 1, options.DraftAccuracy, nameof(options.DraftAccuracy), "0..1");
        Require(options.ContextLength >= 2, options.ContextLength, nameof(options.ContextLength), "at least 2");
        Require(options.EndOfSequence is null or { Count: > 0 }, "empty", nameof(options.EndOfSequence), "null or at least one token");

        void Require(bool valid, object? value, string property, string expected)
        {
            if (!valid)
            {
                throw new ArgumentException(
                    FormattableString.Invariant($"{nameof(ScriptedModelOptions)}.{property} is {value}, expected {expected}."), nameof(options));
            }
        }
    }
}
