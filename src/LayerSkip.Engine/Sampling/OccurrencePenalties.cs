namespace LayerSkip.Engine.Sampling;

/// <summary>Makes tokens less likely that the output already holds: <c>logit -= count * frequency + (count &gt; 0 ? presence : 0)</c>.</summary>
/// <remarks>As OpenAI has them: tokens of the prompt do not count, those that end its messages among them. Negative penalties make repetition more likely.</remarks>
public sealed class OccurrencePenalties : ILogitsProcessor
{
    private readonly float _frequency;
    private readonly float _presence;

    // Occurrences by token id; all zero between calls.
    private int[] _counts = [];
    private int _promptTokens;

    /// <summary>Creates the processor of one generation.</summary>
    /// <param name="frequency">Subtracted once for each occurrence; finite.</param>
    /// <param name="presence">Subtracted once where there is any occurrence; finite.</param>
    /// <exception cref="ArgumentOutOfRangeException">A penalty is infinite or not a number.</exception>
    public OccurrencePenalties(float frequency, float presence)
    {
        _frequency = RequireFinite(frequency, nameof(frequency));
        _presence = RequireFinite(presence, nameof(presence));
    }

    /// <inheritdoc />
    public void Begin(ReadOnlySpan<int> prompt) => _promptTokens = prompt.Length;

    /// <inheritdoc />
    public void Process(ReadOnlySpan<int> context, Span<float> logits)
    {
        if (_counts.Length < logits.Length)
        {
            _counts = new int[logits.Length];
        }

        var output = context[_promptTokens..];
        foreach (var token in output)
        {
            _counts[token]++;
        }

        foreach (var token in output)
        {
            if (_counts[token] > 0)
            {
                logits[token] -= (_counts[token] * _frequency) + _presence;
                _counts[token] = 0;
            }
        }
    }

    private static float RequireFinite(float penalty, string name) =>
        float.IsFinite(penalty) ? penalty : throw new ArgumentOutOfRangeException(name, penalty, $"The {name} penalty must be finite.");
}
