using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Tokenization.Patterns;

namespace LayerSkip.Engine.Tests.Tokenization;

/// <summary>Oniguruma's expressions as .NET runs them: what they match, characters beyond U+FFFF included, and which are refused.</summary>
public sealed class OnigurumaTests
{
    [Theory]
    [InlineData("a++b", "aab", "aab")]
    [InlineData("a++a", "aaa")]
    [InlineData("a{1,2}+", "aaaaa", "aaaaa")] // two quantifiers, not a possessive one
    [InlineData("^a", "ab\nac", "a", "a")]
    [InlineData("a$", "ba\nca", "a", "a")]
    [InlineData(".+", "a\rb\nc", "a\rb", "c")]
    [InlineData(@"\h+", "3fG", "3f")]
    [InlineData(@"\w+", "a_é1\u0301-b", "a_é1\u0301", "b")]
    [InlineData(@"\W+", "a-+ b", "-+ ")]
    [InlineData(@"\R", "\r\n\n\u2028", "\r\n", "\n", "\u2028")]
    [InlineData("(?i)ab", "aB Ab", "aB", "Ab")]
    [InlineData("a{,2}b", "aaab", "aab")]
    [InlineData("a{b", "a{b", "a{b")]
    [InlineData(@"\p{^L}+", "a12b", "12")]
    [InlineData(@"\P{Uppercase_Letter}+", "aBc", "a", "c")]
    [InlineData(@"\p{Han}+", "漢字𠮷aᚠ𐀀", "漢字𠮷")]
    [InlineData(@"\x41\u0042\x{43}", "ABC", "ABC")]
    [InlineData("(a)(?:b)(?=c)", "abc", "ab")]
    [InlineData("[a-c^-]+", "a^-d", "a^-")]
    [InlineData("[[ab]c[d-f]]+", "abcdefg", "abcdef")]
    [InlineData("[^[ab][c]]+", "abxcy", "x", "y")]
    [InlineData(@" ?[^(\s|[.,!?…。，、।۔،])]+", "hei, (verden) |a", "hei", "verden", "a")]
    public void What_they_match_is_what_they_mean(string expression, string text, params string[] expected) => Assert.Equal(expected, Matches(expression, text));

    [Theory]
    [InlineData("[a𐐀-𐑏]+", "xa𐐀𐑏x𐒰", "a𐐀𐑏")]
    [InlineData("[^a𐐀-𐑏]+", "xa𐐀𐑏y𐒰", "x", "y𐒰")]
    [InlineData("[𐐀]", "À𐐀𐐁À", "𐐀")] // what stands in for it may be in the text itself
    [InlineData(@"[𐐀]|\p{Lu}+", "𐐀𐐁À", "𐐀", "𐐁À")]
    [InlineData(@"[\x{10400}-\x{1044F}]+", "a𐐀𐑏", "𐐀𐑏")]
    [InlineData("[😀𐐀-𐐂]+", "😁😀𐐀a𐐂", "😀𐐀", "𐐂")]
    [InlineData("[\uF900-𐐁]+", "龥\uF900𐐀𐐁𐐂", "\uF900𐐀𐐁")]
    [InlineData(@"\s?[A-Zϒa-zĸ𐐀-𐑏𞤀-𞥃]+", "ab 𐐀𞤢c𝒜𝒶", "ab", " 𐐀𞤢c")] // the capitals and small letters that it does not name are no members
    [InlineData("[一-龥ࠀ-一가-퟿]+", "𠮷ग𐀀漢", "ग", "漢")]
    [InlineData("[一-龥ࠀ-一가-퟿]+|\\p{Han}", "𠮷𐀀漢", "𠮷", "漢")]
    public void Characters_beyond_the_basic_plane_are_members_where_they_are_named(string expression, string text, params string[] expected) =>
        Assert.Equal(expected, Matches(expression, text));

    [Theory]
    [InlineData("[a[^b]]", "a negated class within a class at position 3")]
    [InlineData("[a&&b]", "an intersection of classes at position 2")]
    [InlineData("[[a&&b]]", "an intersection of classes at position 3")]
    [InlineData("[[:alpha:]]", "a POSIX class at position 2")]
    [InlineData("[a-[b]]", "a class at the end of a range at position 3")]
    [InlineData("[]", "an empty class at position 1")]
    [InlineData("[a[]]", "an empty class at position 3")]
    [InlineData("[[a]", "a class that is not closed at position 4")]
    [InlineData("[b-a]", "a range that does not run from a character to a later one")]
    [InlineData("[𐐁-𐐀]", "a range that does not run from a character to a later one")]
    [InlineData("a𐐀", "a character beyond U+FFFF outside a class at position 1")]
    [InlineData("[𐐀]|[𐐁]", "characters beyond U+FFFF of which another class names others")]
    [InlineData("(?i:a)[𐐀]", "characters beyond U+FFFF where case is ignored")]
    [InlineData("(?<name>a)", "this kind of group at position 0")]
    [InlineData("(a", "a group that is not closed")]
    [InlineData("a)", "an unmatched ')' at position 1")]
    [InlineData("*a", "a quantifier with nothing before it at position 0")]
    [InlineData("a{2000}", "a repetition count")]
    [InlineData(@"\p{Greek}", "the property 'Greek' at position 0")]
    [InlineData(@"\k<a>", "the backslash sequence at position 0")]
    [InlineData(@"\uD800", "the backslash sequence at position 0")]
    [InlineData(@"[\x{1}-\x{FFFF}😀]", "classes that name all characters of a category and some beyond U+FFFF")]
    public void What_would_mean_something_else_is_refused(string expression, string reason) =>
        Assert.Contains(reason, Assert.Throws<CheckpointException>(() => RegexPattern.Create(expression, "test")).Message, StringComparison.Ordinal);

    [Fact]
    public void Classes_without_end_are_refused_in_no_time()
    {
        Assert.Throws<CheckpointException>(() => RegexPattern.Create(new string('[', 20_000), "test"));
        Assert.Throws<CheckpointException>(() => RegexPattern.Create("[" + string.Concat(Enumerable.Repeat("\u0001-\U0010FFFF", 4000)) + "]", "test"));
        Assert.Equal(["a😀"], Matches("[a" + string.Concat(Enumerable.Repeat("\U00010000-\U0010FFFF", 3000)) + "]+", "xa😀"));
    }

    private static string[] Matches(string expression, string text)
    {
        var found = new List<TextMatch>();
        RegexPattern.Create(expression, "test").FindMatches(text, new RegexBudget(text.Length), found);
        return [.. found.Select(match => text.Substring(match.Start, match.Length))];
    }
}
