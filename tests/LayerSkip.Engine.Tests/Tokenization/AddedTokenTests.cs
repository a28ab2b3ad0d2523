using System.Text;
using System.Text.Json.Nodes;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.Engine.Tests.Tokenization;

/// <summary>Which added tokens a text holds, and where; of the bytes in between each is its own id.</summary>
public sealed class AddedTokenTests
{
    [Fact]
    public void What_users_say_holds_characters_that_the_BPE_lacks_and_no_markers()
    {
        var json = Json(
            TestTokenizers.Added(252, "ü"), TestTokenizers.Added(257, "\t\t"), TestTokenizers.Added(258, " [IN:"),
            TestTokenizers.Added(259, "<|end|>", special: true), TestTokenizers.Added(260, "№", special: true), TestTokenizers.Added(261, "𠮷"));

        // As DeepSeek has it: no text holds this byte, whose spelling is therefore free for the letter.
        json["model"]!["vocab"]!.AsObject().Remove("ü");
        var tokenizer = TestTokenizers.Load(json);
        const string Text = "Führer\t\t𠮷 [IN:<|end|>№";
        Assert.Equal(Ids("F", 252, "hrer", 257, 261, " [IN:<|end|>№"), tokenizer.Encode(Text, matching: AddedTokenMatching.None));
        Assert.Equal(Ids("F", 252, "hrer", 257, 261, 258, "<|end|>№"), tokenizer.Encode(Text, matching: AddedTokenMatching.NonSpecial));
        Assert.Equal(Ids("F", 252, "hrer", 257, 261, 258, 259, 260), tokenizer.Encode(Text));
        Assert.Equal(Text, tokenizer.Decode(tokenizer.Encode(Text, matching: AddedTokenMatching.None)));
    }

    [Theory]
    [InlineData(false, false, "a ", " b")]
    [InlineData(true, false, "a", " b")]
    [InlineData(false, true, "a ", "b")]
    [InlineData(true, true, "a", "b")]
    public void White_space_beside_them_is_swallowed_where_they_ask_for_it(bool lstrip, bool rstrip, string before, string after)
    {
        var tokenizer = Load(TestTokenizers.Added(256, "<m>", lstrip: lstrip, rstrip: rstrip));
        Assert.Equal(Ids(before, 256, after), tokenizer.Encode("a <m> b"));
    }

    [Theory]
    [InlineData("abc", true)]
    [InlineData("-abc.", true)]
    [InlineData(" abc ", true)]
    [InlineData("cabc", false)]
    [InlineData("abcé", false)]
    [InlineData("_abc", false)]
    [InlineData("abc1", false)]
    [InlineData("𝒜abc", false)]
    public void Single_words_match_where_no_word_touches_them(string text, bool matches)
    {
        // A shorter token does not match in an occurrence that is passed over.
        var tokenizer = Load(TestTokenizers.Added(256, "abc", singleWord: true), TestTokenizers.Added(257, "ab"));
        var ids = tokenizer.Encode(text);
        Assert.Equal(matches, ids.Contains(256));
        Assert.DoesNotContain(257, ids);
        Assert.Equal(text, tokenizer.Decode(ids));
    }

    [Fact]
    public void Normalized_ones_are_looked_for_in_the_normalized_text_and_others_in_the_raw_one()
    {
        var json = Json(TestTokenizers.Added(256, "Wake", normalized: true), TestTokenizers.Added(257, "UP"));
        json["normalizer"] = new JsonObject { ["type"] = "Lowercase" };
        var tokenizer = TestTokenizers.Load(json);
        Assert.Equal(Ids(256, " ", 256, " ", 257, " up"), tokenizer.Encode("WAKE wake UP up"));
        Assert.Equal(Ids("wake ", 256), tokenizer.Encode("Wake Wake", [new AddedTokenRange(0, 4, AddedTokenMatching.None)], addSpecialTokens: false));
    }

    [Fact]
    public void The_longest_one_that_is_permitted_is_taken()
    {
        var tokenizer = Load(TestTokenizers.Added(256, "<a>"), TestTokenizers.Added(257, "<a><b>", special: true));
        Assert.Equal(Ids(257, "<b>"), tokenizer.Encode("<a><b><b>"));
        Assert.Equal(Ids(256, "<b>"), tokenizer.Encode("<a><b>", matching: AddedTokenMatching.NonSpecial));
    }

    [Fact]
    public void Ranges_hold_the_strictest_of_their_rules_and_all_of_a_tokens_characters_count()
    {
        var tokenizer = Load(TestTokenizers.Added(256, "<e>", special: true), TestTokenizers.Added(257, "<n>"));
        Assert.Equal(Ids("<e>", 256), Encode("<e><e>", (0, 3, AddedTokenMatching.None)));
        Assert.Equal(Ids("<e>", 256), Encode("<e><e>", (2, 1, AddedTokenMatching.None)));
        Assert.Equal(Ids("<e>", 257), Encode("<e><n>", (0, 6, AddedTokenMatching.NonSpecial)));
        Assert.Equal(Ids("<e><n>"), Encode("<e><n>", (0, 6, AddedTokenMatching.None), (0, 6, AddedTokenMatching.All), (0, 6, AddedTokenMatching.NonSpecial)));
        Assert.Equal(Ids(256, 257), Encode("<e><n>", (3, 0, AddedTokenMatching.None)));
        Assert.Throws<ArgumentOutOfRangeException>("ranges", () => Encode("<e>", (1, 3, AddedTokenMatching.None)));
        Assert.Throws<ArgumentOutOfRangeException>("ranges", () => Encode("<e>", (0, 1, (AddedTokenMatching)7)));

        int[] Encode(string text, params (int Start, int Length, AddedTokenMatching Matching)[] ranges) => tokenizer.Encode(
            text, [.. ranges.Select(range => new AddedTokenRange(range.Start, range.Length, range.Matching))], addSpecialTokens: false);
    }

    private static JsonObject Json(params JsonNode[] added)
    {
        var json = TestTokenizers.ByteLevel("""{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}""");
        json["added_tokens"] = new JsonArray(added);
        return json;
    }

    private static Tokenizer Load(params JsonNode[] added) => TestTokenizers.Load(Json(added));

    // Texts stand for their bytes.
    private static int[] Ids(params object[] parts) =>
        [.. parts.SelectMany(part => part is string text ? Encoding.UTF8.GetBytes(text).Select(value => (int)value) : [(int)part])];
}
