using LayerSkip.Engine.Decoding;

namespace LayerSkip.Cli.Measurement;

/// <summary>What one mode did over all prompts in one run.</summary>
internal sealed class ModeRun
{
    private readonly List<int[]> _outputs = [];
    private readonly List<double> _seconds = [];
    private double _decodeSeconds;
    private int _tokens;
    private int _decodedTokens;
    private int _rounds;
    private int _drafted;
    private int _accepted;
    private long _positionsRead;

    /// <summary>Token ids of the answers.</summary>
    public IReadOnlyList<int[]> Outputs => _outputs;

    /// <summary>Seconds of each request, from token ids to token ids: setting it up, prefill and decoding.</summary>
    public IReadOnlyList<double> RequestSeconds => _seconds;

    /// <summary>All requests together.</summary>
    public double Seconds => _seconds.Sum();

    /// <summary>Tokens of all rounds but each answer's first, by their time; 0 where every answer came in one round.</summary>
    public double DecodeTokensPerSecond => _decodeSeconds > 0 ? _decodedTokens / _decodeSeconds : 0;

    public double AcceptanceRate => _drafted == 0 ? 0 : (double)_accepted / _drafted;

    public double TokensPerRound => _rounds == 0 ? 0 : (double)_tokens / _rounds;

    /// <summary>Cache positions that attention read for a token decoded after the first, on average, at one token a round.</summary>
    public double MeanContext => _decodedTokens == 0 ? 0 : (double)_positionsRead / _decodedTokens;

    /// <param name="generation">A request that has ended.</param>
    /// <param name="seconds">How long it took in all.</param>
    public void Add(Generation generation, double seconds)
    {
        var statistics = generation.Statistics;
        var decoded = statistics.Tokens - statistics.FirstRoundTokens;
        _outputs.Add(generation.Output.ToArray());
        _seconds.Add(seconds);
        _decodeSeconds += statistics.DecodeTime.TotalSeconds;
        _tokens += statistics.Tokens;
        _decodedTokens += decoded;
        _rounds += statistics.Rounds;
        _drafted += statistics.Drafted;
        _accepted += statistics.Accepted;

        // The i-th token after the first attends to the prompt and i tokens.
        _positionsRead += ((long)statistics.PromptTokens * decoded) + ((long)decoded * (decoded + 1) / 2);
    }
}
