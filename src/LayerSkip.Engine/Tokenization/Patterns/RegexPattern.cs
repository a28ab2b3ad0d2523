using System.Buffers;
using System.Diagnostics;
using System.Text.RegularExpressions;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Tokenization.Patterns;

/// <summary>A checkpoint's own regular expression (Oniguruma syntax), run by .NET's engine within a budget.</summary>
internal sealed class RegexPattern : TextPattern
{
    private static readonly TimeSpan OneMatch = TimeSpan.FromSeconds(3);

    private readonly Regex _regex;
    private readonly string _origin;

    private RegexPattern(Regex regex, string origin)
    {
        _regex = regex;
        _origin = origin;
    }

    /// <param name="expression">The expression in Oniguruma syntax.</param>
    /// <param name="origin">The file and field it comes from, for error messages.</param>
    /// <exception cref="CheckpointException">The expression is malformed or uses a construct that is not supported.</exception>
    public static RegexPattern Create(string expression, string origin)
    {
        try
        {
            var translated = OnigurumaTranslator.Translate(expression, out var isRegular);
            return new RegexPattern(new Regex(translated, Options(isRegular), OneMatch), origin);
        }
        catch (Exception e) when (e is FormatException or ArgumentException or NotSupportedException)
        {
            throw new CheckpointException($"{origin}: the regular expression '{Shorten(expression)}' is not supported: {e.Message}", e);
        }
    }

    /// <summary>An expression of the engine's own, in .NET syntax, which backtracks no more than a step at a time.</summary>
    /// <remarks>
    /// .NET's automaton, which runs the expressions of strangers, leaves out a match that ends where a longer one begins:
    /// of <c>\s?\p{P}+</c> in "/ [", the slash.
    /// </remarks>
    public static RegexPattern CreateOwn(string expression) => new(new Regex(expression, Options(isRegular: false), OneMatch), expression);

    /// <exception cref="CheckpointException">The expression takes too long on this text.</exception>
    public override void FindMatches(ReadOnlySpan<char> text, RegexBudget budget, List<TextMatch> matches)
    {
        if (text.IndexOfAnyInRange('\uD800', '\uDFFF') < 0)
        {
            FindMatches(text, default, budget, matches);
            return;
        }

        var units = ArrayPool<char>.Shared.Rent(text.Length);
        var starts = ArrayPool<int>.Shared.Rent(text.Length + 1);
        var length = BasicPlaneProjection.Project(text, units, starts);
        FindMatches(units.AsSpan(0, length), starts, budget, matches);
        ArrayPool<char>.Shared.Return(units);
        ArrayPool<int>.Shared.Return(starts);
    }

    // starts[i]: where unit i of a projected text stands in the real one; empty where the text is the real one.
    private void FindMatches(ReadOnlySpan<char> text, ReadOnlySpan<int> starts, RegexBudget budget, List<TextMatch> matches)
    {
        var clock = Stopwatch.GetTimestamp();
        var previousEnd = -1;
        try
        {
            foreach (var match in _regex.EnumerateMatches(text))
            {
                if (!budget.Spend(ref clock))
                {
                    throw TooSlow(text.Length, null);
                }

                var end = match.Index + match.Length;
                if (match.Length > 0 || match.Index != previousEnd)
                {
                    matches.Add(starts.IsEmpty
                        ? new TextMatch(match.Index, match.Length)
                        : new TextMatch(starts[match.Index], starts[end] - starts[match.Index]));
                }

                previousEnd = end;
            }
        }
        catch (RegexMatchTimeoutException e)
        {
            throw TooSlow(text.Length, e);
        }

        budget.Spend(ref clock);
    }

    private static RegexOptions Options(bool isRegular) =>
        RegexOptions.CultureInvariant | (isRegular ? RegexOptions.NonBacktracking : RegexOptions.None);

    private CheckpointException TooSlow(int length, Exception? inner)
    {
        var message = $"{_origin}: the regular expression takes too long on a text of {length} characters.";
        return inner is null ? new CheckpointException(message) : new CheckpointException(message, inner);
    }

    private static string Shorten(string expression) => expression.Length <= 200 ? expression : string.Concat(expression.AsSpan(0, 200), "...");
}
