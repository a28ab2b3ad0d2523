using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Decoding;

/// <summary>Whether what a request asks for lies in its ranges, before anything is completed from the checkpoint.</summary>
internal static class DecodingOptionsCheck
{
    private const int MaxTopLogProbabilities = 20;

    /// <exception cref="ArgumentOutOfRangeException">A value is outside its range; the message names it.</exception>
    /// <exception cref="ArgumentException">The constraint is for a larger vocabulary than the model's.</exception>
    public static void Require(DecodingOptions options, ModelConfig config)
    {
        if (options.Mode is { } mode && !Enum.IsDefined(mode))
        {
            throw new ArgumentOutOfRangeException(nameof(options), mode, "Mode is no decoding mode.");
        }

        if (options.ExitLayer is { } asked && (asked < 1 || asked > config.Layers))
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), asked, $"ExitLayer must lie in 1..{config.Layers - 1}, with coarse DraftWeights in 1..{config.Layers}: the model has {config.Layers} layers.");
        }

        if (options.NumSpeculations is < 1 or > DecodingPlan.MaxSpeculations)
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), options.NumSpeculations, $"NumSpeculations must lie in 1..{DecodingPlan.MaxSpeculations}.");
        }

        if (options.DraftController is { } controllerAsked && !Enum.IsDefined(controllerAsked))
        {
            throw new ArgumentOutOfRangeException(nameof(options), controllerAsked, "DraftController is no draft controller.");
        }

        if (options.DraftSource is { } sourceAsked && !Enum.IsDefined(sourceAsked))
        {
            throw new ArgumentOutOfRangeException(nameof(options), sourceAsked, "DraftSource is no source of drafts.");
        }

        if (options.DraftWeights is { } weightsAsked && !Enum.IsDefined(weightsAsked))
        {
            throw new ArgumentOutOfRangeException(nameof(options), weightsAsked, "DraftWeights are none that drafts can go by.");
        }

        if (options.DraftThreshold is { } threshold && !(threshold >= 0 && threshold <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(options), threshold, "DraftThreshold must lie in 0..1.");
        }

        if (options.MaxNewTokens < 1)
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.MaxNewTokens, "MaxNewTokens must be at least 1.");
        }

        var maxTop = Math.Min(MaxTopLogProbabilities, config.VocabularySize);
        if (options.TopLogProbabilities < 0 || options.TopLogProbabilities > maxTop)
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), options.TopLogProbabilities, $"TopLogProbabilities must lie in 0..{maxTop}.");
        }

        foreach (var id in options.StopTokenIds)
        {
            if (id < 0 || id >= config.VocabularySize)
            {
                throw new ArgumentOutOfRangeException(nameof(options), id, $"StopTokenIds must lie in 0..{config.VocabularySize - 1}.");
            }
        }

        if (options.Constraint is { } constraint && constraint.VocabularySize > config.VocabularySize)
        {
            throw new ArgumentException(
                $"Constraint is for a tokenizer of {constraint.VocabularySize} ids, expected at most the model's {config.VocabularySize}.", nameof(options));
        }

        options.Sampling?.Validate();
    }
}
