using LayerSkip.Parsing.Forms;

namespace LayerSkip.Parsing.Tests.Forms;

public class UtteranceWordsTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("  will I need  an\tumbrella ", "will I need an umbrella")]
    [InlineData("Wake me at 5:30pm.", "Wake me at 5 : 30 pm .")]
    [InlineData("6AM, 10th", "6 AM , 10th")]
    [InlineData("6.30am 20mins", "6.30am 20mins")]
    [InlineData("what's I'm o'clock don't", "what 's I'm o'clock don't")]
    [InlineData("tonight’s I’ve 'work' 30's", "tonight ’s I’ve ' work ' 30 ' s")]
    [InlineData("Go-Go $400.00 10,12,15 a, b", "Go - Go $ 400.00 10,12,15 a , b")]
    [InlineData("9 a.m. russia...right", "9 a.m . russia . . . right")]
    [InlineData("\"\"X\"\" {{TITLE_MEDIA}} What?_s", "\" \" X \" \" { { TITLE_MEDIA } } What ? _s")]
    [InlineData("[IN:A ]", "( IN : A )")]
    [InlineData("Zoe\u0301's 😀😀", "Zoe\u0301 's 😀 😀")]
    public void Split_follows_the_data(string utterance, string words) =>
        Assert.Equal(words, string.Join(' ', UtteranceWords.Split(utterance)));

    [Fact]
    public void Words_joined_are_the_utterance_without_white_space()
    {
        const string Alphabet = "as5 .,;:'’\"-[]_ém\u0301\uD83D\uDE00\u00A0\t";
        var random = new Random(10);
        for (var i = 0; i < 5_000; i++)
        {
            var text = new string([.. Enumerable.Range(0, random.Next(20)).Select(_ => Alphabet[random.Next(Alphabet.Length)])]);
            var words = UtteranceWords.Split(text);
            Assert.DoesNotContain("", words);
            Assert.Equal(
                string.Concat(text.Where(c => !char.IsWhiteSpace(c))).Replace('[', '(').Replace(']', ')'),
                string.Concat(words));
        }
    }

    [Fact]
    public void Split_of_a_long_text_is_linear()
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        Assert.Single(UtteranceWords.Split(new string('a', 2_000_000)));
        Assert.Single(UtteranceWords.Split(string.Concat(Enumerable.Repeat("a.", 500_000)) + "a"));
        Assert.Equal(2_000_000, UtteranceWords.Split(new string('\'', 2_000_000)).Length);
        Assert.True(clock.Elapsed < TimeSpan.FromMinutes(2), $"took {clock.Elapsed}");
    }
}
