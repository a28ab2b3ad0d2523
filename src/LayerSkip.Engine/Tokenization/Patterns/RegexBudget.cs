using System.Diagnostics;

namespace LayerSkip.Engine.Tokenization.Patterns;

/// <summary>The time that a checkpoint's own regular expressions may spend on one text, or on all tokens, so that a hostile one cannot hang its user.</summary>
/// <param name="textLength">Characters of the text, or of all tokens together: much text earns more time.</param>
internal sealed class RegexBudget(int textLength)
{
    private readonly TimeSpan _limit = TimeSpan.FromSeconds(5 + (textLength / 100_000));
    private TimeSpan _spent;

    /// <summary>Books the time since <paramref name="start"/>.</summary>
    /// <returns>False where the budget is used up.</returns>
    public bool Spend(ref long start)
    {
        var now = Stopwatch.GetTimestamp();
        _spent += Stopwatch.GetElapsedTime(start, now);
        start = now;
        return _spent < _limit;
    }
}
