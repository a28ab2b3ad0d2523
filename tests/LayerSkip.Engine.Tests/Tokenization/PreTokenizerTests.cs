using System.Text.Json;
using LayerSkip.Engine.Tokenization.Loading;
using LayerSkip.Engine.Tokenization.Patterns;
using LayerSkip.Engine.Tokenization.PreTokenization;

namespace LayerSkip.Engine.Tests.Tokenization;

/// <summary>The pieces that each step of <c>pre_tokenizer</c> cuts; what behaviours do is the documentation of Hugging Face's tokenizers.</summary>
public sealed class PreTokenizerTests
{
    [Theory]
    [InlineData("Removed", "the", "final", "countdown")]
    [InlineData("Isolated", "the", "-", "final", "-", "-", "countdown")]
    [InlineData("MergedWithPrevious", "the-", "final-", "-", "countdown")]
    [InlineData("MergedWithNext", "the", "-final", "-", "-countdown")]
    [InlineData("Contiguous", "the", "-", "final", "--", "countdown")]
    public void Behaviors_say_what_becomes_of_matches(string behavior, params string[] expected)
    {
        Assert.Equal(expected, Cut($$"""{"type":"Split","pattern":{"String":"-"},"behavior":"{{behavior}}"}""", "the-final--countdown"));
        Assert.Equal(expected, Cut($$"""{"type":"Punctuation","behavior":"{{behavior}}"}""", "the-final--countdown"));
    }

    [Theory]
    [InlineData("""{"type":"Punctuation"}""", "a$b「c」!?", "a", "$", "b", "「", "c", "」", "!", "?")]
    [InlineData("""{"type":"Whitespace"}""", "Hey  you_2!? é", "Hey", "you_2", "!?", "é")]
    [InlineData("""{"type":"WhitespaceSplit"}""", " Hey\t\u00A0you!\n", "Hey", "you!")]
    [InlineData("""{"type":"Digits"}""", "a12½b", "a", "12½", "b")]
    [InlineData("""{"type":"Digits","individual_digits":true}""", "a12½b", "a", "1", "2", "½", "b")]
    [InlineData("""{"type":"Split","pattern":{"Regex":"[a-c]+"},"behavior":"Removed","invert":true}""", "xabycz", "ab", "c")]
    [InlineData("""{"type":"Metaspace"}""", "Hey you", "▁Hey", "▁you")]
    [InlineData("""{"type":"Metaspace"}""", " Hey  you", "▁Hey", "▁", "▁you")]
    [InlineData("""{"type":"Metaspace","split":false}""", "Hey you", "▁Hey▁you")]
    [InlineData("""{"type":"Metaspace","prepend_scheme":"never"}""", "Hey you", "Hey", "▁you")]
    [InlineData("""{"type":"Metaspace","replacement":"_","add_prefix_space":false}""", "Hey you", "Hey", "_you")]
    [InlineData("""{"type":"ByteLevel"}""", "Hey é1", "ĠHey", "ĠÃ©", "1")]
    [InlineData("""{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}""", "Hey é1", "HeyĠÃ©1")]
    [InlineData("""{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Metaspace"}]}""", "a b", "▁a", "▁b")]
    [InlineData("""{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Metaspace","prepend_scheme":"first"}]}""", "a b", "▁a", "b")]
    public void Steps_cut_as_their_name_says(string step, string text, params string[] expected) => Assert.Equal(expected, Cut(step, text));

    [Theory]
    [InlineData("always", "▁a")]
    [InlineData("first", "a")]
    [InlineData("never", "a")]
    public void Behind_an_added_token_only_some_schemes_put_a_mark(string scheme, string expected) =>
        Assert.Equal([expected], Cut($$"""{"type":"Metaspace","prepend_scheme":"{{scheme}}"}""", "a", isAtStart: false));

    private static string[] Cut(string step, string text, bool isAtStart = true)
    {
        var pieces = new PreTokenizedText(text.AsMemory(), isAtStart, new RegexBudget(text.Length));
        PreTokenizerReader.Read(new JsonField(JsonElement.Parse(step), "test", "")).Apply(pieces);
        return [.. pieces.Pieces.ToArray().Select(piece => pieces[piece].ToString())];
    }
}
