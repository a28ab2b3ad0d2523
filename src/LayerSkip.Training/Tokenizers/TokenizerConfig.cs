namespace LayerSkip.Training.Tokenizers;

/// <summary>What <c>tokenizer_config.json</c> says beside the tokenizer itself: which control token has which part, and the chat template.</summary>
public sealed record TokenizerConfig
{
    /// <summary>The special token that begins a sequence (<c>bos_token</c>), or null. Encoding does not put it there; a chat template may.</summary>
    public string? BeginOfSequence { get; init; }

    /// <summary>The special token that ends a sequence (<c>eos_token</c>), or null.</summary>
    public string? EndOfSequence { get; init; }

    /// <summary>The special token that fills batches up (<c>pad_token</c>), or null.</summary>
    public string? Padding { get; init; }

    /// <summary>The Jinja source of the chat template, or null. It is written as it is.</summary>
    public string? ChatTemplate { get; init; }
}
