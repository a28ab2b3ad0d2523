using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Sampling;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Requests;

/// <summary>Turns a request's options into the engine's: the caller's native ones first, then his chat options, then the defaults.</summary>
internal static class DecodingOptionsMapping
{
    /// <param name="native">What <see cref="ChatOptions.RawRepresentationFactory"/> gave; only members it leaves null are filled, and the seed of its sampling.</param>
    /// <param name="options">The request's options.</param>
    /// <param name="defaults">What holds where they are silent.</param>
    /// <exception cref="ArgumentException">An option does not parse or is outside its range. What depends on the model is left to the model to check.</exception>
    public static DecodingOptions Map(DecodingOptions native, ChatOptions? options, RequestDefaults defaults)
    {
        if (options?.MaxOutputTokens is < 1)
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.MaxOutputTokens, "MaxOutputTokens must be at least 1.");
        }

        var properties = options?.AdditionalProperties;
        return native with
        {
            Mode = native.Mode ?? AdditionalSettings.Mode(properties, PropertyNames.DecodingMode) ?? defaults.Mode,
            ExitLayer = native.ExitLayer ?? AdditionalSettings.Integer(properties, PropertyNames.ExitLayer) ?? defaults.ExitLayer,
            NumSpeculations = native.NumSpeculations
                ?? AdditionalSettings.Integer(properties, PropertyNames.NumSpeculations) ?? defaults.NumSpeculations,
            DraftController = native.DraftController
                ?? AdditionalSettings.Choice<DraftController>(properties, PropertyNames.DraftController) ?? defaults.DraftController,
            DraftThreshold = native.DraftThreshold
                ?? AdditionalSettings.Number(properties, PropertyNames.DraftThreshold) ?? defaults.DraftThreshold,
            DraftSource = native.DraftSource
                ?? AdditionalSettings.Choice<DraftSource>(properties, PropertyNames.DraftSource) ?? defaults.DraftSource,
            DraftWeights = native.DraftWeights
                ?? AdditionalSettings.Choice<DraftWeights>(properties, PropertyNames.DraftWeights) ?? defaults.DraftWeights,
            MaxNewTokens = native.MaxNewTokens ?? options?.MaxOutputTokens ?? defaults.MaxOutputTokens,
            TopLogProbabilities = native.TopLogProbabilities ?? TopLogProbabilities(properties),
            PrefixScope = native.PrefixScope ?? AdditionalSettings.Text(properties, PropertyNames.PrefixScope),
            Sampling = Sampling(native.Sampling, options, defaults),
            LogitsProcessors = LogitsProcessors(native.LogitsProcessors, options),
        };
    }

    /// <summary>As OpenAI has them, but asking for likeliest tokens is enough to ask for log-probabilities.</summary>
    private static int? TopLogProbabilities(AdditionalPropertiesDictionary? properties)
    {
        var top = AdditionalSettings.Integer(properties, PropertyNames.TopLogProbabilities) ?? 0;
        return AdditionalSettings.Boolean(properties, PropertyNames.LogProbabilities) ?? top != 0 ? top : null;
    }

    private static SamplingOptions Sampling(SamplingOptions? native, ChatOptions? options, RequestDefaults defaults)
    {
        var seed = native?.Seed ?? (options?.Seed is { } asked ? unchecked((ulong)asked) : null);
        if (native is not null)
        {
            return native with { Seed = seed };
        }

        if (options?.TopP is { } askedTopP && !(askedTopP >= 0 && askedTopP <= 1))
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), askedTopP, "TopP must lie in 0..1; 0 is the likeliest token only, 1 is off.");
        }

        var topP = options?.TopP ?? defaults.TopP;
        return new()
        {
            Temperature = options?.Temperature ?? defaults.Temperature,

            // An empty nucleus still keeps the most likely token.
            TopK = topP == 0 ? 1 : options?.TopK ?? defaults.TopK,
            TopP = topP == 0 ? 1 : topP,
            MinP = AdditionalSettings.Number(options?.AdditionalProperties, PropertyNames.MinP) ?? defaults.MinP,
            Seed = seed,
        };
    }

    private static IReadOnlyList<ILogitsProcessor> LogitsProcessors(IReadOnlyList<ILogitsProcessor> native, ChatOptions? options)
    {
        var frequency = options?.FrequencyPenalty ?? 0;
        var presence = options?.PresencePenalty ?? 0;
        return frequency == 0 && presence == 0 ? native : [.. native, new OccurrencePenalties(frequency, presence)];
    }
}
