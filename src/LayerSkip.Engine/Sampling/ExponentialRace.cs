namespace LayerSkip.Engine.Sampling;

/// <summary>
/// Draws tokens by a race: each arrives after a time that is exponentially distributed with its probability as the rate, and the first one is
/// drawn, which it is with just that probability. The times' randomness depends on seed, position and token alone.
/// </summary>
/// <remarks>
/// So a position draws the same token from the same distribution however often and in whatever order positions are asked; and from two
/// distributions that are close it mostly draws the same one. That makes a draft's guess: it is drawn as the full model would draw, from the
/// exit's distribution, and right exactly where the full model draws it as well.
/// </remarks>
/// <param name="seed">All 64 bits count.</param>
internal readonly struct ExponentialRace(ulong seed)
{
    private const ulong Step = 0x9E3779B97F4A7C15;

    /// <summary>The token drawn at a position.</summary>
    /// <param name="weights">Not negative, not all zero; need not add up to 1.</param>
    /// <param name="position">Any number.</param>
    public int Winner(ReadOnlySpan<float> weights, int position)
    {
        var key = Mix(Mix(seed + Step) + ((ulong)(uint)position * 0xD1B54A32D192ED03));
        var (winner, first) = (-1, double.PositiveInfinity);
        for (var token = 0; token < weights.Length; token++)
        {
            double weight = weights[token];
            if (!(weight > 0))
            {
                continue;
            }

            // In (0, 1], 53 bits. Since -ln u >= 1 - u, few tokens need the logarithm.
            var uniform = ((Mix(key + ((ulong)(uint)token * Step)) >> 11) + 1) * (1.0 / (1UL << 53));
            if (winner >= 0 && 1 - uniform >= first * weight)
            {
                continue;
            }

            var time = -Math.Log(uniform) / weight;
            if (winner < 0 || time < first)
            {
                (winner, first) = (token, time);
            }
        }

        return winner;
    }

    /// <summary>The finalizer of SplitMix64 (Steele, Lea and Flood).</summary>
    internal static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
