using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Decoding.Drafting;

/// <summary>Decides how deep and how far to draft. One for each request; it may keep state. Nothing it decides changes the output.</summary>
internal interface IDraftController
{
    /// <summary>The next round's draft. Asked once for a round, even where the round fails and is run again.</summary>
    /// <param name="match">What the context could be continued with; empty where nothing is known or wanted.</param>
    /// <param name="inputs">Tokens that have run no layers yet: the prompt at first, later one.</param>
    DraftPlan Next(in LookupMatch match, int inputs);

    /// <summary>
    /// How likely a guess must be for <see cref="Judge"/> to go on behind it, where that alone decides, until the next round: guesses need not come one by one then. 0 where it
    /// always goes on; null where more decides, at any time.
    /// </summary>
    double? LastBelow => null;

    /// <summary>What to do with a token that the exit has guessed; not asked about tokens that were looked up.</summary>
    /// <param name="guess">The token.</param>
    /// <param name="guessed">Guesses of the round before it, all of them kept; 0 may be asked about again where a round failed.</param>
    /// <param name="drafted">All tokens of the draft before it, forced ones included.</param>
    GuessVerdict Judge(in TokenGuess guess, int guessed, int drafted) => GuessVerdict.Continue;

    /// <summary>A round is over.</summary>
    void Learn(in RoundOutcome outcome)
    {
    }
}

/// <summary>One round's draft.</summary>
/// <param name="ExitLayer">Layers that guess; 0: the tokens are looked up, and no layers run before verification.</param>
/// <param name="Length">Most tokens to draft, 0 .. 64.</param>
/// <param name="Survey">Exits whose guesses are noted beside, in ascending order; null: none.</param>
/// <param name="SurveyRows">At how many places, from the first one on.</param>
internal readonly record struct DraftPlan(int ExitLayer, int Length, int[]? Survey = null, int SurveyRows = 0)
{
    /// <summary>A plain step.</summary>
    public static DraftPlan None => default;

    /// <summary>A draft that is looked up.</summary>
    public static DraftPlan Lookup(int length) => new(0, length);
}

/// <summary>What becomes of a guess.</summary>
internal enum GuessVerdict
{
    /// <summary>It is drafted, and so is what follows.</summary>
    Continue,

    /// <summary>It is drafted, and ends the draft.</summary>
    Last,

    /// <summary>It is not drafted: the draft ends before it.</summary>
    Drop,
}

/// <summary>A token that some exit took for the one at a place of the round, whether drafted or only noted.</summary>
/// <param name="ExitLayer">The exit.</param>
/// <param name="Index">The place: tokens drafted before it.</param>
/// <param name="Guess">The token.</param>
internal readonly record struct ExitGuess(int ExitLayer, int Index, TokenGuess Guess);

/// <summary>What became of a round.</summary>
/// <param name="exitLayer">The draft's exit; 0 where it was looked up, or nothing was drafted.</param>
/// <param name="drafted">Tokens drafted, without forced ones.</param>
/// <param name="accepted">Those of them that were accepted.</param>
/// <param name="match">What could have been looked up, and how much of it came true.</param>
/// <param name="guesses">All guesses of exits.</param>
/// <param name="tokens">The tokens that the round brought.</param>
internal readonly ref struct RoundOutcome(
    int exitLayer, int drafted, int accepted, LookupOutcome match, ReadOnlySpan<ExitGuess> guesses, ReadOnlySpan<int> tokens)
{
    public int ExitLayer { get; } = exitLayer;

    public int Drafted { get; } = drafted;

    public int Accepted { get; } = accepted;

    public LookupOutcome Match { get; } = match;

    public ReadOnlySpan<ExitGuess> Guesses { get; } = guesses;

    /// <summary>Whether the place of a guess was reached, so that it was right or wrong. Behind a rejected token nothing is known.</summary>
    public bool IsKnown(in ExitGuess guess) => guess.Index < _tokens.Length;

    /// <summary>Whether a known guess was right.</summary>
    public bool IsRight(in ExitGuess guess) => _tokens[guess.Index] == guess.Guess.Token;

    private readonly ReadOnlySpan<int> _tokens = tokens;
}
