using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Decoding;

/// <summary>What a model can be given to read.</summary>
internal static class TokenChecks
{
    /// <summary>A prompt has a token, fits the context and keeps to the vocabulary.</summary>
    public static void CheckPrompt(ModelConfig config, ReadOnlySpan<int> prompt)
    {
        if (prompt.IsEmpty)
        {
            throw new ArgumentException("The prompt is empty: expected at least one token.", nameof(prompt));
        }

        if (prompt.Length >= config.MaxPositions)
        {
            throw new ArgumentException(
                $"The prompt has {prompt.Length} tokens: expected fewer than the model's context of {config.MaxPositions}.", nameof(prompt));
        }

        CheckTokens(config, prompt, nameof(prompt));
    }

    /// <summary>Tokens keep to the vocabulary.</summary>
    public static void CheckTokens(ModelConfig config, ReadOnlySpan<int> tokens, string parameter)
    {
        foreach (var token in tokens)
        {
            if (token < 0 || token >= config.VocabularySize)
            {
                throw new ArgumentOutOfRangeException(parameter, token, $"Token ids must lie in 0..{config.VocabularySize - 1}.");
            }
        }
    }
}
