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
    private readonly bool _isRegular;
    private readonly BasicPlaneProjection _projection;
    private readonly string _origin;

    private RegexPattern(TranslatedExpression expression, string origin)
    {
        _regex = new Regex(expression.Text, Options(expression.IsRegular), OneMatch);
        _isRegular = expression.IsRegular;
        _projection = expression.Projection;
        _origin = origin;
    }

    /// <param name="expression">The expression in Oniguruma syntax.</param>
    /// <param name="origin">The file and field it comes from, for error messages.</param>
    /// <exception cref="CheckpointException">The expression is malformed or uses a construct that is not supported.</exception>
    public static RegexPattern Create(string expression, string origin)
    {
        try
        {
            return new RegexPattern(OnigurumaTranslator.Translate(expression), origin);
        }
        catch (Exception e) when (e is FormatException or ArgumentException or NotSupportedException)
        {
            // .NET's own messages begin with the whole expression.
            var reason = e is RegexParseException parsing ? $"{parsing.Error} at position {parsing.Offset}" : ErrorText.Shorten(e.Message);
            throw new CheckpointException($"{origin}: the regular expression {ErrorText.Quote(expression)} is not supported: {reason}", e);
        }
    }

    /// <exception cref="CheckpointException">The expression takes too long on this text.</exception>
    public override void FindMatches(ReadOnlySpan<char> text, RegexBudget budget, List<TextMatch> matches)
    {
        if (!_projection.Changes(text))
        {
            FindMatches(text, default, budget, matches);
            return;
        }

        var units = ArrayPool<char>.Shared.Rent(text.Length);
        var starts = ArrayPool<int>.Shared.Rent(text.Length + 1);
        var length = _projection.Project(text, units, starts);
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
            for (var position = 0; position <= text.Length && Find(text, position, budget, ref clock) is var (start, length);)
            {
                var end = start + length;
                if (length > 0 || start != previousEnd)
                {
                    matches.Add(starts.IsEmpty ? new TextMatch(start, length) : new TextMatch(starts[start], starts[end] - starts[start]));
                }

                previousEnd = end;
                position = length > 0 ? end : end + 1;
            }
        }
        catch (RegexMatchTimeoutException e)
        {
            throw TooSlow(text.Length, e);
        }

        budget.Spend(ref clock);
    }

    /// <summary>The first match from a position on.</summary>
    /// <remarks>
    /// .NET's automaton may leave out a match that ends where a longer one begins: of <c>\s?\p{P}+</c> in "a/ [", the slash. What lies before a
    /// match is therefore looked through again, up to where it begins.
    /// </remarks>
    private (int Start, int Length)? Find(ReadOnlySpan<char> text, int position, RegexBudget budget, ref long clock)
    {
        var found = First(text, position);
        Spend(text.Length, budget, ref clock);
        while (_isRegular && found is { Start: var start } && start > position && First(text[..start], position) is { Start: var earlier })
        {
            // Its length is that in the whole text; a match that is none there was made by the cut.
            if (First(text, earlier) is not { } whole || whole.Start != earlier)
            {
                break;
            }

            found = whole;
            Spend(text.Length, budget, ref clock);
        }

        return found;
    }

    private void Spend(int length, RegexBudget budget, ref long clock)
    {
        if (!budget.Spend(ref clock))
        {
            throw TooSlow(length, null);
        }
    }

    private (int Start, int Length)? First(ReadOnlySpan<char> text, int position)
    {
        foreach (var match in _regex.EnumerateMatches(text, position))
        {
            return (match.Index, match.Length);
        }

        return null;
    }

    private static RegexOptions Options(bool isRegular) =>
        RegexOptions.CultureInvariant | (isRegular ? RegexOptions.NonBacktracking : RegexOptions.None);

    private CheckpointException TooSlow(int length, Exception? inner)
    {
        var message = $"{_origin}: the regular expression takes too long on a text of {length} characters.";
        return inner is null ? new CheckpointException(message) : new CheckpointException(message, inner);
    }
}
