namespace LayerSkip.Engine.Tokenization.Decoding;

/// <summary>The <c>decoder</c> of a <c>tokenizer.json</c>, in a form that serves whole texts and streams alike.</summary>
/// <remarks>
/// Each token becomes bytes on its own; the bytes are joined and read as UTF-8; what <c>Strip</c> does to the joined text
/// happens at its very ends.
/// </remarks>
internal sealed record DecoderSettings
{
    /// <summary>Rewritings of each token, in order.</summary>
    public IReadOnlyList<DecoderStep> Steps { get; init; } = [];

    /// <summary>Tokens spell bytes in GPT-2's alphabet.</summary>
    public bool IsByteLevel { get; init; }

    /// <summary>A token <c>&lt;0xHH&gt;</c> stands for one byte.</summary>
    public bool HasByteFallback { get; init; }

    /// <summary>What stands between tokens: a space where the file names no decoder at all, else nothing.</summary>
    public string Separator { get; init; } = "";

    /// <summary>Whether any step treats the first token in its own way.</summary>
    public bool TreatsFirstApart => Steps.Any(step => step is MetaspaceStep);

    /// <summary>The character that is stripped from the text's start, and how many at most.</summary>
    public (char Content, int Count) Leading { get; init; }

    /// <summary>The character that is stripped from the text's end, and how many at most.</summary>
    public (char Content, int Count) Trailing { get; init; }
}
