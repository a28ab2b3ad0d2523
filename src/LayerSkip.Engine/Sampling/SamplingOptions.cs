namespace LayerSkip.Engine.Sampling;

/// <summary>How a token is chosen from the logits: temperature, then top-k, then top-p, then min-p.</summary>
public sealed record SamplingOptions
{
    /// <summary>Greedy decoding: the most likely token, always; no random number is drawn.</summary>
    public static SamplingOptions Greedy { get; } = new();

    /// <summary>Divides the logits. 0 means greedy; otherwise positive and finite.</summary>
    public float Temperature { get; init; }

    /// <summary>Keep only the k most likely tokens; 0 keeps all.</summary>
    public int TopK { get; init; }

    /// <summary>Keep only the most likely tokens that together reach this probability (nucleus); in (0, 1], 1 keeps all.</summary>
    public float TopP { get; init; } = 1;

    /// <summary>Keep only tokens at least this share as likely as the likeliest; in 0 .. 1, 0 keeps all.</summary>
    public float MinP { get; init; }

    /// <summary>
    /// Seed of the random numbers, all 64 bits of it; null draws one. The same seed, prompt and options give the same output, however tokens are drafted:
    /// <see cref="Decoding.DecodingMode.Autoregressive"/> and <see cref="Decoding.DecodingMode.SelfSpeculative"/> alike.
    /// </summary>
    public ulong? Seed { get; init; }

    /// <summary>Whether the choice is the arg-max.</summary>
    public bool IsGreedy => Temperature == 0;

    /// <summary>Checks every value's range.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A value is outside its range; the message names it.</exception>
    public void Validate()
    {
        if (!(Temperature >= 0) || float.IsInfinity(Temperature))
        {
            throw new ArgumentOutOfRangeException(nameof(Temperature), Temperature, "Temperature must be 0 (greedy) or positive and finite.");
        }

        if (TopK < 0)
        {
            throw new ArgumentOutOfRangeException(nameof(TopK), TopK, "TopK must be 0 (off) or positive.");
        }

        if (!(TopP > 0 && TopP <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(TopP), TopP, "TopP must lie in (0, 1]; 1 is off.");
        }

        if (!(MinP >= 0 && MinP <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(MinP), MinP, "MinP must lie in 0..1; 0 is off.");
        }
    }
}
