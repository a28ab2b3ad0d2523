namespace LayerSkip.Engine.Decoding;

/// <summary>What one generation did, and how long it took. A snapshot.</summary>
public readonly record struct GenerationStatistics
{
    /// <summary>Tokens of the prompt.</summary>
    public int PromptTokens { get; init; }

    /// <summary>Tokens of the prompt whose KV entries another request had computed, so that they were not computed again.</summary>
    public int CachedTokens { get; init; }

    /// <summary>Tokens generated, an end-of-sequence token included.</summary>
    public int Tokens { get; init; }

    /// <summary>
    /// Rounds of draft and verification; without drafting, decode steps. On a device that runs rounds as a whole, which is shown no constraint, those are among them whose tokens a
    /// constraint cut off, perhaps all.
    /// </summary>
    public int Rounds { get; init; }

    /// <summary>Tokens drafted, without those that a constraint forced.</summary>
    public int Drafted { get; init; }

    /// <summary>Drafted tokens that the full model confirmed. The bonus token is not counted.</summary>
    public int Accepted { get; init; }

    /// <summary>Tokens of the output that a constraint left no choice about: neither drafted nor decided by the model.</summary>
    public int Forced { get; init; }

    /// <summary>
    /// Passes of all rounds over a layer's weights, whatever the number of rows. Full-depth decoding makes L
    /// of them a round. The pieces of a long prompt that come before the first round are not counted: they are the same in every mode.
    /// </summary>
    public long LayerPasses { get; init; }

    /// <summary>Sum of the exit layers of all rounds that drafted by one.</summary>
    public long ExitLayers { get; init; }

    /// <summary>Rounds that drafted at least one token.</summary>
    public int DraftRounds { get; init; }

    /// <summary>Of those, rounds whose draft was copied from the context.</summary>
    public int LookupRounds { get; init; }

    /// <summary>Of the drafted tokens, those that were copied from the context.</summary>
    public int LookupDrafted { get; init; }

    /// <summary>Of the accepted tokens, those that were copied from the context.</summary>
    public int LookupAccepted { get; init; }

    /// <summary>How many rounds drafted 0, 1, 2 ... tokens, as far as there are any; together <see cref="Rounds"/>.</summary>
    public IReadOnlyList<int> DraftedPerRound { get => field ?? []; init; }

    /// <summary>Of how many rounds 0, 1, 2 ... drafted tokens were accepted, as far as there are any; together <see cref="Rounds"/>.</summary>
    public IReadOnlyList<int> AcceptedPerRound { get => field ?? []; init; }

    /// <summary>Bytes of the KV cache.</summary>
    public long KvBytes { get; init; }

    /// <summary>Time until the first round's tokens stood: the prompt, and the first round that brought any.</summary>
    public TimeSpan PrefillTime { get; init; }

    /// <summary>Time of all later rounds: their own, and all of a pass that they shared with others'.</summary>
    public TimeSpan DecodeTime { get; init; }

    /// <summary>
    /// Of both: drafting (layers below the exit, the draft's heads, and looks at other exits). A round that a device runs as a whole (CUDA) and that drafts counts neither here nor
    /// in <see cref="VerifyTime"/>: where its draft ends is not seen from outside.
    /// </summary>
    public TimeSpan DraftTime { get; init; }

    /// <summary>Of both: verification (the layers that are left, the head, and the comparison).</summary>
    public TimeSpan VerifyTime { get; init; }

    /// <summary>Tokens that came with the first round.</summary>
    public int FirstRoundTokens { get; init; }

    /// <summary>Accepted / drafted over all rounds, 0 if nothing was drafted.</summary>
    public double AcceptanceRate => Drafted == 0 ? 0 : (double)Accepted / Drafted;

    /// <summary>Tokens / rounds.</summary>
    public double TokensPerRound => Rounds == 0 ? 0 : (double)Tokens / Rounds;

    /// <summary>Mean exit layer of the rounds that drafted by one, 0 if none did.</summary>
    public double MeanExitLayer => DraftRounds == LookupRounds ? 0 : (double)ExitLayers / (DraftRounds - LookupRounds);

    /// <summary>Prompt and decoding together.</summary>
    public TimeSpan TotalTime => PrefillTime + DecodeTime;

    /// <summary>Tokens / total time, the prompt's time included. (The LayerSkip reference leaves an end-of-sequence token out of the count.)</summary>
    public double TokensPerSecond => TotalTime > TimeSpan.Zero ? Tokens / TotalTime.TotalSeconds : 0;

    /// <summary>Total time / tokens.</summary>
    public TimeSpan TimePerToken => Tokens > 0 ? TotalTime / Tokens : TimeSpan.Zero;

    /// <summary>Tokens of all rounds but the first, by their time.</summary>
    public double DecodeTokensPerSecond => DecodeTime > TimeSpan.Zero ? (Tokens - FirstRoundTokens) / DecodeTime.TotalSeconds : 0;
}
