namespace LayerSkip.Engine.Sampling;

/// <summary>Changes logits before a token is chosen: penalties, bans, grammar masks.</summary>
/// <remarks>
/// It is applied to draft and full-model logits alike, with the whole context each time, so it must depend on its arguments and the prompt
/// that it began with alone; that keeps self-speculation exact. One processor may serve a single generation at a time.
/// </remarks>
public interface ILogitsProcessor
{
    /// <summary>A generation begins, which it serves from now on: for processors that tell output from prompt. Does nothing unless implemented.</summary>
    /// <param name="prompt">The generation's prompt, with which every context begins.</param>
    void Begin(ReadOnlySpan<int> prompt)
    {
    }

    /// <summary>Changes the logits of the token that follows <paramref name="context"/>.</summary>
    /// <param name="context">Prompt, accepted tokens and tokens drafted so far, in order.</param>
    /// <param name="logits">One for each id of the vocabulary; negative infinity bans a token.</param>
    void Process(ReadOnlySpan<int> context, Span<float> logits);
}
