using System.Collections;
using System.Diagnostics;

namespace LayerSkip.Engine.Decoding;

/// <summary>Counts and times a generation's steps.</summary>
/// <param name="promptTokens">Tokens of the prompt.</param>
/// <param name="outputCapacity">Output tokens that room is made for at first.</param>
internal sealed class StatisticsRecorder(int promptTokens, int outputCapacity)
{
    // [i]: whether output token i was drafted and confirmed.
    private readonly BitArray _acceptedAt = new(outputCapacity);
    private long _stepStart;
    private long _draftEnd;
    private long _pause;
    private long _prefill;
    private long _decode;
    private long _draft;
    private long _verify;
    private long _passes;
    private long _exitLayers;
    private int _rounds;
    private int _draftRounds;
    private int _drafted;
    private int _accepted;
    private int _forced;
    private int _firstRoundTokens;
    private int _lookupRounds;
    private int _lookupDrafted;
    private int _lookupAccepted;
    private readonly int[] _draftedPerRound = new int[DecodingPlan.MaxSpeculations + 1];
    private readonly int[] _acceptedPerRound = new int[DecodingPlan.MaxSpeculations + 1];

    /// <summary>Tokens of the prompt that an earlier request had computed.</summary>
    public int CachedTokens { get; set; }

    /// <summary>A round or a piece of the prompt begins.</summary>
    public void BeginStep() => (_stepStart, _draftEnd) = (Stopwatch.GetTimestamp(), 0);

    /// <summary>A piece of the prompt is done.</summary>
    public void EndPrefill() => _prefill += Stopwatch.GetTimestamp() - _stepStart;

    /// <summary>The round's draft is done, verification begins. Who cannot tell says nothing.</summary>
    public void EndDraft() => _draftEnd = Stopwatch.GetTimestamp();

    /// <summary>The round waits for what others may run with it.</summary>
    public void Pause() => _pause = Stopwatch.GetTimestamp();

    /// <summary>The round goes on where it paused: what has passed since was other sequences' time, but for what was run of it.</summary>
    /// <param name="ticks">How long that took; 0 where it is still to be run.</param>
    public void Resume(long ticks)
    {
        var waited = Stopwatch.GetTimestamp() - _pause - ticks;
        (_stepStart, _draftEnd) = (_stepStart + waited, _draftEnd == 0 ? 0 : _draftEnd + waited);
    }

    /// <summary>An output token was drafted, without being forced, and confirmed.</summary>
    /// <param name="index">Its index in the output.</param>
    public void Accept(int index)
    {
        if (index >= _acceptedAt.Length)
        {
            _acceptedAt.Length = Math.Max(index + 1, 2 * _acceptedAt.Length);
        }

        _acceptedAt[index] = true;
    }

    /// <summary>How many of the first so many output tokens were drafted and confirmed.</summary>
    public int CountAccepted(int tokens)
    {
        var count = 0;
        for (var i = 0; i < Math.Min(tokens, _acceptedAt.Length); i++)
        {
            count += _acceptedAt[i] ? 1 : 0;
        }

        return count;
    }

    /// <summary>The round is done.</summary>
    /// <param name="draft">What became of the draft.</param>
    /// <param name="forced">Tokens accepted that a constraint forced.</param>
    /// <param name="passes">Passes over a layer's weights.</param>
    /// <param name="tokens">Tokens that the round brought.</param>
    public void EndRound(in DraftResult draft, int forced, int passes, int tokens)
    {
        var now = Stopwatch.GetTimestamp();
        // Where nothing was drafted, the whole round is the full model's.
        var verifyStart = draft.Drafted > 0 ? _draftEnd : _stepStart;
        if (verifyStart != 0)
        {
            _draft += verifyStart - _stepStart;
            _verify += now - verifyStart;
        }

        // A round that a constraint left nothing of brings no token.
        if (_firstRoundTokens == 0)
        {
            _prefill += now - _stepStart;
            _firstRoundTokens = tokens;
        }
        else
        {
            _decode += now - _stepStart;
        }

        _rounds++;
        _passes += passes;
        _drafted += draft.Drafted;
        _accepted += draft.Accepted;
        _forced += forced;
        _draftedPerRound[draft.Drafted]++;
        _acceptedPerRound[draft.Accepted]++;
        if (draft.Drafted > 0)
        {
            _draftRounds++;
            _exitLayers += draft.ExitLayer;
            if (draft.ExitLayer == 0)
            {
                _lookupRounds++;
                _lookupDrafted += draft.Drafted;
                _lookupAccepted += draft.Accepted;
            }
        }
    }

    public GenerationStatistics Snapshot(int tokens, long kvBytes) => new()
    {
        PromptTokens = promptTokens,
        CachedTokens = CachedTokens,
        Tokens = tokens,
        Rounds = _rounds,
        Drafted = _drafted,
        Accepted = _accepted,
        Forced = _forced,
        LayerPasses = _passes,
        ExitLayers = _exitLayers,
        DraftRounds = _draftRounds,
        LookupRounds = _lookupRounds,
        LookupDrafted = _lookupDrafted,
        LookupAccepted = _lookupAccepted,
        DraftedPerRound = Counts(_draftedPerRound),
        AcceptedPerRound = Counts(_acceptedPerRound),
        KvBytes = kvBytes,
        PrefillTime = Stopwatch.GetElapsedTime(0, _prefill),
        DecodeTime = Stopwatch.GetElapsedTime(0, _decode),
        DraftTime = Stopwatch.GetElapsedTime(0, _draft),
        VerifyTime = Stopwatch.GetElapsedTime(0, _verify),
        FirstRoundTokens = _firstRoundTokens,
    };

    /// <summary>As many as are not 0, and those between.</summary>
    private static int[] Counts(int[] perRound) => perRound[..(perRound.AsSpan().LastIndexOfAnyExcept(0) + 1)];
}
