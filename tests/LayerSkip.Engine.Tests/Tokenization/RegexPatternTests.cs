using System.Text.RegularExpressions;
using LayerSkip.Engine.Tokenization.Patterns;

namespace LayerSkip.Engine.Tests.Tokenization;

public class RegexPatternTests
{
    private const string Characters = " ab c/[\n1.<>'ß漢";

    [Theory]
    [InlineData(@"\s?\p{P}+")]
    [InlineData(@" ?[^\s\p{L}\p{N}]+")]
    [InlineData(@"\s?\p{L}+|\s?\p{P}+")]
    [InlineData(@"\s*[\r\n]+|\s+")]
    [InlineData(@"(?:a|ab)*c?")]
    [InlineData(@"a|ab|abc")]
    [InlineData(@"\p{N}{1,3}")]
    [InlineData(@"x*")]
    public void Automata_match_what_backtracking_matches(string expression)
    {
        var pattern = RegexPattern.Create(expression, "test");
        var backtracking = new Regex(expression, RegexOptions.CultureInvariant);
        var random = new Random(71);
        for (var trial = 0; trial < 3000; trial++)
        {
            var text = string.Create(random.Next(0, 14), random, (span, source) =>
            {
                foreach (ref var character in span)
                {
                    character = Characters[source.Next(Characters.Length)];
                }
            });
            var found = new List<TextMatch>();
            pattern.FindMatches(text, new RegexBudget(text.Length), found);
            Assert.Equal(WithoutEmptyAfterMatch(backtracking, text), found);
        }
    }

    [Fact]
    public void A_match_that_ends_where_a_longer_one_begins_is_found()
    {
        var found = new List<TextMatch>();
        RegexPattern.Create(@"\s?\p{P}+", "test").FindMatches("> </ [ab", new RegexBudget(8), found);
        Assert.Equal([new TextMatch(3, 1), new TextMatch(4, 2)], found);
    }

    // An empty match right behind another one counts as part of it.
    private static List<TextMatch> WithoutEmptyAfterMatch(Regex regex, string text)
    {
        var matches = new List<TextMatch>();
        var previousEnd = -1;
        foreach (var match in regex.EnumerateMatches(text))
        {
            if (match.Length > 0 || match.Index != previousEnd)
            {
                matches.Add(new TextMatch(match.Index, match.Length));
            }

            previousEnd = match.Index + match.Length;
        }

        return matches;
    }
}
