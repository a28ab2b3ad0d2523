using System.Text;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Engine.Tokenization.Normalization;
using LayerSkip.Engine.Tokenization.Patterns;

namespace LayerSkip.Engine.Tests.Tokenization;

/// <summary>Unicode's four normal forms, by the examples of its annex 15 and by what holds of every text.</summary>
public sealed class UnicodeFormTests
{
    [Theory]
    [InlineData("e9", "e9", "65 301", "e9", "65 301")]
    [InlineData("65 301", "e9", "65 301", "e9", "65 301")]
    [InlineData("212b", "c5", "41 30a", "c5", "41 30a")]
    [InlineData("fb01", "fb01", "fb01", "66 69", "66 69")]
    [InlineData("32 2075", "32 2075", "32 2075", "32 35", "32 35")]
    [InlineData("1e9b 323", "1e9b 323", "17f 323 307", "1e69", "73 323 307")]
    [InlineData("71 307 323", "71 323 307", "71 323 307", "71 323 307", "71 323 307")]
    [InlineData("d55c", "d55c", "1112 1161 11ab", "d55c", "1112 1161 11ab")]
    [InlineData("ac00 11a8", "ac01", "1100 1161 11a8", "ac01", "1100 1161 11a8")]
    [InlineData("958", "915 93c", "915 93c", "915 93c", "915 93c")] // excluded from composition
    [InlineData("1d15e", "1d157 1d165", "1d157 1d165", "1d157 1d165", "1d157 1d165")]
    [InlineData("1d49c", "1d49c", "1d49c", "41", "41")]
    [InlineData("61 5ae 300 315", "e0 5ae 315", "61 5ae 300 315", "e0 5ae 315", "61 5ae 300 315")]
    public void Characters_have_the_forms_that_Unicode_gives(string text, string nfc, string nfd, string nfkc, string nfkd)
    {
        Assert.Equal(nfc, Hex(Form(UnicodeForm.Nfc, Text(text))));
        Assert.Equal(nfd, Hex(Form(UnicodeForm.Nfd, Text(text))));
        Assert.Equal(nfkc, Hex(Form(UnicodeForm.Nfkc, Text(text))));
        Assert.Equal(nfkd, Hex(Form(UnicodeForm.Nfkd, Text(text))));
    }

    [Fact]
    public void Forms_of_forms_are_what_they_must_be_whatever_the_rules_of_the_characters()
    {
        var random = new Random(31);
        for (var trial = 0; trial < 2000; trial++)
        {
            var text = RandomText.Next(random, 12);
            var (nfc, nfd, nfkc, nfkd) = (Form(UnicodeForm.Nfc, text), Form(UnicodeForm.Nfd, text), Form(UnicodeForm.Nfkc, text), Form(UnicodeForm.Nfkd, text));
            Assert.Equal(nfc, Form(UnicodeForm.Nfc, nfc));
            Assert.Equal(nfc, Form(UnicodeForm.Nfc, nfd));
            Assert.Equal(nfd, Form(UnicodeForm.Nfd, nfc));
            Assert.Equal(nfkc, Form(UnicodeForm.Nfkc, nfkd));
            Assert.Equal(nfkd, Form(UnicodeForm.Nfkd, nfc));

            // One rule a character cuts the text into stretches, which must change nothing.
            var rules = AddedTokenRules.FromRanges(text.Length, [new AddedTokenRange(0, text.Length / 2, AddedTokenMatching.None)]);
            Assert.Equal(nfc, Form(UnicodeForm.Nfc, text, rules));
        }
    }

    private static string Form(UnicodeForm form, string text, AddedTokenRules? rules = null) => new UnicodeFormNormalizer(form)
        .Apply(NormalizedText.Start(text, rules ?? AddedTokenRules.Uniform(AddedTokenMatching.All), new RegexBudget(text.Length), "test")).Text;

    private static string Text(string hex) => string.Concat(hex.Split(' ').Select(character => new Rune(Convert.ToInt32(character, 16)).ToString()));

    private static string Hex(string text) => string.Join(' ', text.EnumerateRunes().Select(rune => rune.Value.ToString("x", null)));
}
