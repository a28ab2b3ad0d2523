using System.Diagnostics;
using LayerSkip.AI.Responses;
using LayerSkip.AI.Tools;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.AI.Tests.Responses;

public class AnswerTextTests
{
    private static readonly Tokenizer s_tokenizer = Tokenizer.Load(TestModels.ParserPath);

    [Theory]
    [InlineData("one two three", "two", "one ")]
    [InlineData("aabaabaac", "aabaac", "aab")]
    [InlineData("abcabd", "abd", "abc")]
    [InlineData("ab", "abc", "ab")]
    [InlineData("xx", "x", "")]
    [InlineData("no stop", "never", "no stop")]
    [InlineData("crab 🦀 claw", "🦀", "crab ")]
    public void Text_ends_before_the_stop_sequence(string text, string stop, string expected)
    {
        foreach (var size in new[] { 1, 2, 3, 100 })
        {
            Assert.Equal(expected, Stream(text, size, stop).Text);
        }
    }

    [Fact]
    public void Of_several_sequences_the_first_complete_one_counts()
    {
        Assert.Equal("a", Stream("abcd", 1, "bcd", "bc").Text);
        Assert.Equal("a", Stream("abcd", 1, "cd", "bcd").Text);
        Assert.Equal("a", Stream("abcd", 1, "bcde", "b").Text);
    }

    [Fact]
    public void Text_is_held_back_only_while_it_may_be_a_stop_sequence()
    {
        var answer = new AnswerText(s_tokenizer, ["bbc"]);
        string[] pieces = [.. "abbbxbb".Select(letter => answer.Read([letter]).Text())];

        Assert.Equal(["a", "", "", "b", "bbx", "", ""], pieces);
        Assert.Equal("bb", answer.End().Text());
        Assert.False(answer.IsStopped);
    }

    [Fact]
    public void Tokens_are_counted_up_to_the_stop_sequence()
    {
        var answer = new AnswerText(s_tokenizer, ["bc"]);

        Assert.Equal("a", answer.Read(Bytes("abcdef")).Text());
        Assert.Equal((true, 3), (answer.IsStopped, answer.Tokens));
        Assert.Equal(("", "", 3), (answer.Read(Bytes("x")).Text(), answer.End().Text(), answer.Tokens));
    }

    [Fact]
    public void Half_a_character_waits_and_ends_as_a_replacement()
    {
        var answer = new AnswerText(s_tokenizer, []);

        Assert.Equal("a", answer.Read(['a', 0xF0, 0x9F]).Text());
        Assert.Equal("\uFFFD", answer.End().Text());
    }

    [Fact]
    public void Special_tokens_and_padding_of_the_vocabulary_have_no_text()
    {
        var answer = new AnswerText(s_tokenizer, []);

        Assert.Equal("ab", answer.Read(['a', 2303, s_tokenizer.VocabularySize + 5, 'b']).Text());
        Assert.Equal(4, answer.Tokens);
    }

    [Fact]
    public void Random_texts_are_cut_where_a_search_finds_the_stop()
    {
        var random = new Random(1);
        for (var round = 0; round < 500; round++)
        {
            var text = new string(random.GetItems<char>("ab", random.Next(30)));
            string[] stops = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => new string(random.GetItems<char>("ab", random.Next(1, 6))))];

            // The sequence that is complete first; of those, the one that began first.
            var expected = stops
                .Select(stop => (Start: text.IndexOf(stop, StringComparison.Ordinal), stop.Length))
                .Where(match => match.Start >= 0)
                .OrderBy(match => match.Start + match.Length).ThenBy(match => match.Start)
                .Select(match => text[..match.Start])
                .FirstOrDefault(text);

            Assert.Equal(expected, Stream(text, random.Next(1, 5), stops).Text);
        }
    }

    /// <summary>It is held back where a call may follow.</summary>
    [Fact]
    public void White_space_without_end_takes_no_time_of_its_square()
    {
        const int Count = 300_000;
        var answer = new AnswerText(s_tokenizer, [], new ToolCallReader(ToolCallSyntax.Of(ToolCallFormat.Hermes), new HashSet<string>(), single: false));
        var watch = Stopwatch.StartNew();

        var texts = Enumerable.Range(0, Count).Select(_ => answer.Read([' ']).Text()).ToList();

        Assert.True(watch.Elapsed < TimeSpan.FromMinutes(2), $"took {watch.Elapsed}");
        Assert.All(texts, Assert.Empty);
        Assert.Equal(new string(' ', Count) + "x", answer.Read(['x']).Text());
    }

    private static (string Text, AnswerText Answer) Stream(string text, int size, params string[] stops)
    {
        var answer = new AnswerText(s_tokenizer, stops);
        var streamed = string.Concat(Bytes(text).Chunk(size).Select(chunk => answer.Read(chunk).Text()));
        return (streamed + answer.End().Text(), answer);
    }

    /// <summary>The parser's byte tokens have their byte as their id.</summary>
    private static int[] Bytes(string text) => [.. System.Text.Encoding.UTF8.GetBytes(text).Select(value => (int)value)];
}
