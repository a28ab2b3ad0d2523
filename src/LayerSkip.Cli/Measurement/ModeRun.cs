using LayerSkip.Engine.Decoding;

namespace LayerSkip.Cli.Measurement;

/// <summary>What one mode did over all prompts in one run, or in several.</summary>
internal sealed class ModeRun
{
    /// <summary>Most tokens of a draft.</summary>
    private const int MostAccepted = 64;

    private readonly List<int[]> _outputs = [];
    private readonly List<double> _seconds = [];
    private readonly List<double> _firstTokenSeconds = [];
    private readonly List<double> _tokenSeconds = [];
    private readonly int[] _accepted = new int[MostAccepted + 1];
    private double _decodeSeconds;
    private int _tokens;
    private int _decodedTokens;
    private int _rounds;
    private int _drafted;
    private int _acceptedTokens;
    private long _exitLayers;
    private int _exitDraftRounds;
    private long _positionsRead;

    /// <summary>Token ids of the answers.</summary>
    public IReadOnlyList<int[]> Outputs => _outputs;

    /// <summary>Seconds of each request, from token ids to token ids: setting it up, prefill and decoding.</summary>
    public IReadOnlyList<double> RequestSeconds => _seconds;

    /// <summary>Seconds of each request until its first round's tokens stood.</summary>
    public IReadOnlyList<double> FirstTokenSeconds => _firstTokenSeconds;

    /// <summary>Seconds of each token after its request's first round: its share of its round.</summary>
    public IReadOnlyList<double> TokenSeconds => _tokenSeconds;

    /// <summary>How many rounds had so many drafted tokens accepted, by that number.</summary>
    public IReadOnlyList<int> AcceptedPerRound => _accepted;

    /// <summary>Mean exit layer of the rounds that drafted by an exit, 0 if none did.</summary>
    public double MeanExitLayer => _exitDraftRounds == 0 ? 0 : (double)_exitLayers / _exitDraftRounds;

    /// <summary>All requests together.</summary>
    public double Seconds => _seconds.Sum();

    /// <summary>Tokens of all rounds but each answer's first, by their time; null where every answer came in one round.</summary>
    public double? DecodeTokensPerSecond => _decodeSeconds > 0 ? _decodedTokens / _decodeSeconds : null;

    /// <summary>Accepted / drafted tokens; null where nothing was drafted.</summary>
    public double? AcceptanceRate => _drafted == 0 ? null : (double)_acceptedTokens / _drafted;

    public double TokensPerRound => _rounds == 0 ? 0 : (double)_tokens / _rounds;

    /// <summary>Cache positions that attention read for a token decoded after the first, on average, at one token a round.</summary>
    public double MeanContext => _decodedTokens == 0 ? 0 : (double)_positionsRead / _decodedTokens;

    /// <summary>What the mode did in several runs together: controllers that go by measured times do not do the same in each.</summary>
    /// <param name="runs">At least one.</param>
    public static ModeRun Total(IReadOnlyList<ModeRun> runs)
    {
        var total = new ModeRun();
        foreach (var run in runs)
        {
            total._outputs.AddRange(run._outputs);
            total._seconds.AddRange(run._seconds);
            total._firstTokenSeconds.AddRange(run._firstTokenSeconds);
            total._tokenSeconds.AddRange(run._tokenSeconds);
            total._decodeSeconds += run._decodeSeconds;
            total._tokens += run._tokens;
            total._decodedTokens += run._decodedTokens;
            total._rounds += run._rounds;
            total._drafted += run._drafted;
            total._acceptedTokens += run._acceptedTokens;
            total._exitLayers += run._exitLayers;
            total._exitDraftRounds += run._exitDraftRounds;
            total._positionsRead += run._positionsRead;
            for (var accepted = 0; accepted <= MostAccepted; accepted++)
            {
                total._accepted[accepted] += run._accepted[accepted];
            }
        }

        return total;
    }

    /// <summary>Adds a round that brought tokens.</summary>
    /// <param name="generation">The request, behind the round.</param>
    /// <param name="seconds">How long it took, since the last one.</param>
    /// <param name="sinceStart">How long the request has taken.</param>
    public void AddRound(Generation generation, double seconds, double sinceStart)
    {
        var tokens = generation.RoundTokens.Length;
        if (tokens == generation.Output.Length)
        {
            _firstTokenSeconds.Add(sinceStart);
        }
        else
        {
            for (var token = 0; token < tokens; token++)
            {
                _tokenSeconds.Add(seconds / tokens);
            }
        }
    }

    /// <summary>Adds a request.</summary>
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
        _acceptedTokens += statistics.Accepted;
        _exitLayers += statistics.ExitLayers;
        _exitDraftRounds += statistics.DraftRounds - statistics.LookupRounds;

        foreach (var (accepted, rounds) in statistics.AcceptedPerRound.Index())
        {
            _accepted[accepted] += rounds;
        }

        // The i-th token after the first attends to the prompt and i tokens.
        _positionsRead += ((long)statistics.PromptTokens * decoded) + ((long)decoded * (decoded + 1) / 2);
    }
}
