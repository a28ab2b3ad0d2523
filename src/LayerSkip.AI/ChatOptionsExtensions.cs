using LayerSkip.AI.Requests;
using LayerSkip.Engine.Decoding;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI;

/// <summary>LayerSkip's settings of one request, as entries of <see cref="ChatOptions.AdditionalProperties"/>.</summary>
/// <remarks>
/// There they reach the client through every middleware, count in the keys of response caches, and mean nothing to other clients.
/// </remarks>
public static class ChatOptionsExtensions
{
    /// <summary>Sets <c>exit_layer</c>: how many layers the draft (or, in <see cref="DecodingMode.EarlyExit"/>, the answer) runs.</summary>
    /// <param name="options">The options to change.</param>
    /// <param name="exitLayer">1 .. L - 1 for a model of L layers, where coarse weights draft 1 .. L; the client checks it.</param>
    /// <returns><paramref name="options"/>.</returns>
    public static ChatOptions WithExitLayer(this ChatOptions options, int exitLayer) => options.With(PropertyNames.ExitLayer, exitLayer);

    /// <summary>Sets <c>num_speculations</c>: the most tokens drafted in a round.</summary>
    /// <param name="options">The options to change.</param>
    /// <param name="numSpeculations">1 .. 64; the client checks it.</param>
    /// <returns><paramref name="options"/>.</returns>
    public static ChatOptions WithNumSpeculations(this ChatOptions options, int numSpeculations) =>
        options.With(PropertyNames.NumSpeculations, numSpeculations);

    /// <summary>Sets <c>draft_controller</c>, and <c>draft_threshold</c> where one is given: what decides how deep and how far drafts go.</summary>
    /// <param name="options">The options to change.</param>
    /// <param name="controller">The controller.</param>
    /// <param name="threshold">Its threshold, 0 .. 1, of those that have one; null: the default. The client checks it.</param>
    /// <returns><paramref name="options"/>.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="controller"/> is not defined.</exception>
    public static ChatOptions WithDraftController(this ChatOptions options, DraftController controller, float? threshold = null)
    {
        options.With(PropertyNames.DraftController, ChoiceNames.Of(controller));
        return threshold is { } given ? options.With(PropertyNames.DraftThreshold, given) : options;
    }

    /// <summary>Sets <c>draft_source</c>: where drafts come from.</summary>
    /// <param name="options">The options to change.</param>
    /// <param name="source">The source.</param>
    /// <returns><paramref name="options"/>.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="source"/> is not defined.</exception>
    public static ChatOptions WithDraftSource(this ChatOptions options, DraftSource source) =>
        options.With(PropertyNames.DraftSource, ChoiceNames.Of(source));

    /// <summary>Sets <c>draft_weights</c>: by which weights drafts run the layers below their exit; coarse ones draft by all layers where no exit layer is given or declared.</summary>
    /// <param name="options">The options to change.</param>
    /// <param name="weights">The weights.</param>
    /// <returns><paramref name="options"/>.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="weights"/> are not defined.</exception>
    public static ChatOptions WithDraftWeights(this ChatOptions options, DraftWeights weights) =>
        options.With(PropertyNames.DraftWeights, ChoiceNames.Of(weights));

    /// <summary>Sets <c>decoding_mode</c>: <c>autoregressive</c>, <c>self-speculative</c> or <c>early-exit</c>.</summary>
    /// <param name="options">The options to change.</param>
    /// <param name="mode">How to decode.</param>
    /// <returns><paramref name="options"/>.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="mode"/> is not defined.</exception>
    public static ChatOptions WithDecodingMode(this ChatOptions options, DecodingMode mode) =>
        options.With(PropertyNames.DecodingMode, DecodingModeNames.Of(mode));

    /// <summary>Sets <c>min_p</c>: sample from tokens at least this share as likely as the likeliest.</summary>
    /// <param name="options">The options to change.</param>
    /// <param name="minP">0 .. 1, 0 is off; the client checks it.</param>
    /// <returns><paramref name="options"/>.</returns>
    public static ChatOptions WithMinP(this ChatOptions options, float minP) => options.With(PropertyNames.MinP, minP);

    /// <summary>
    /// Sets <c>prefix_scope</c>: whom the request shares prefixes of prompts with, such as a user's or tenant's id. See
    /// <see cref="DecodingOptions.PrefixScope"/>.
    /// </summary>
    /// <param name="options">The options to change.</param>
    /// <param name="scope">Any text.</param>
    /// <returns><paramref name="options"/>.</returns>
    public static ChatOptions WithPrefixScope(this ChatOptions options, string scope) => options.With(PropertyNames.PrefixScope, scope);

    /// <summary>
    /// Sets <c>logprobs</c> and <c>top_logprobs</c>: the answer's <see cref="ChatMessage.AdditionalProperties"/> are to have <c>logprobs</c>, the
    /// log-probabilities of its tokens. See <see cref="DecodingOptions.TopLogProbabilities"/>.
    /// </summary>
    /// <param name="options">The options to change.</param>
    /// <param name="top">Likeliest tokens beside each of the answer's, 0 .. 20; the client checks it.</param>
    /// <returns><paramref name="options"/>.</returns>
    public static ChatOptions WithLogProbabilities(this ChatOptions options, int top = 0) =>
        options.With(PropertyNames.LogProbabilities, true).With(PropertyNames.TopLogProbabilities, top);

    /// <summary>
    /// Sets <c>chat_template_kwargs</c>: variables of the chat template beside those that the client sets itself, such as <c>enable_thinking</c>,
    /// <c>date_string</c> or <c>documents</c>. Their text cannot become control tokens.
    /// </summary>
    /// <param name="options">The options to change.</param>
    /// <param name="variables">Values by name, of JSON's types; not <c>messages</c>, <c>tools</c> or <c>add_generation_prompt</c>. The client checks them.</param>
    /// <returns><paramref name="options"/>.</returns>
    public static ChatOptions WithTemplateVariables(this ChatOptions options, IDictionary<string, object?> variables)
    {
        ArgumentNullException.ThrowIfNull(variables);
        return options.With(PropertyNames.TemplateVariables, new Dictionary<string, object?>(variables));
    }

    private static ChatOptions With(this ChatOptions options, string name, object value)
    {
        ArgumentNullException.ThrowIfNull(options);
        (options.AdditionalProperties ??= [])[name] = value;
        return options;
    }
}
