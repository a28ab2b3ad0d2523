using System.Text;
using System.Text.Json.Nodes;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.Engine.Tests.Tokenization;

/// <summary>Texts that come token by token: the same as at once, and never half a character.</summary>
public sealed class StreamingDetokenizerTests
{
    private const string ByteLevel = """{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}""";

    [Fact]
    public void Bytes_are_the_text_that_NET_makes_of_them()
    {
        var (tokenizer, random) = (TestTokenizers.Load(TestTokenizers.ByteLevel(ByteLevel)), new Random(11));
        for (var trial = 0; trial < 2000; trial++)
        {
            // Whole characters, some of them cut, and bytes that are none.
            var bytes = Encoding.UTF8.GetBytes(RandomText.Next(random, 6)).ToList();
            for (var cuts = random.Next(4); cuts > 0 && bytes.Count > 0; cuts--)
            {
                bytes.RemoveAt(random.Next(bytes.Count));
                bytes.Insert(random.Next(bytes.Count + 1), (byte)random.Next(256));
            }

            var ids = bytes.ConvertAll(value => (int)value).ToArray();
            AssertStreams(tokenizer, ids);
            Assert.Equal(Encoding.UTF8.GetString([.. bytes]), tokenizer.Decode(ids));
        }
    }

    [Fact]
    public void Bytes_of_SentencePiece_go_between_its_tokens_and_its_first_space_is_dropped()
    {
        string[] tokens = ["▁", "a", "é", "▁ab", "▁▁", "<s>"];
        var json = TestTokenizers.SentencePiece(tokens);
        json["added_tokens"] = new JsonArray(TestTokenizers.Added(261, "<s>", special: true));
        var (tokenizer, random) = (TestTokenizers.Load(json), new Random(12));
        for (var trial = 0; trial < 2000; trial++)
        {
            var ids = new int[random.Next(12)];
            foreach (ref var id in ids.AsSpan())
            {
                id = random.Next(2) == 0 ? 256 + random.Next(tokens.Length) : random.Next(4) == 0 ? random.Next(256) : "é€𠮷"u8[random.Next(9)];
            }

            AssertStreams(tokenizer, ids);
            var bytes = ids.Where(id => id != 261)
                .SelectMany(id => id < 256 ? [(byte)id] : Encoding.UTF8.GetBytes(tokens[id - 256].Replace('▁', ' '))).ToArray();
            var text = Encoding.UTF8.GetString(bytes);
            Assert.Equal(text.StartsWith(' ') ? text[1..] : text, tokenizer.Decode(ids));
        }
    }

    [Theory]
    [InlineData("""{"type":"Metaspace","replacement":"▁","prepend_scheme":"always"}""", "a b▁")]
    [InlineData("""{"type":"Metaspace","replacement":"▁","prepend_scheme":"never"}""", " a b▁")]
    [InlineData("""{"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"Strip","content":"▁","start":1,"stop":2}]}""", "a▁b")]
    [InlineData("""{"type":"Sequence","decoders":[{"type":"Strip","content":"▁","start":1,"stop":0},{"type":"Fuse"}]}""", "ab")]
    [InlineData("""{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":"--"}]}""", "--a--b--")]
    [InlineData("null", "▁a ▁b ▁")]
    public void Each_decoder_treats_its_first_and_last_token_in_its_way(string decoder, string expected)
    {
        var json = TestTokenizers.Words("▁a", "▁b", "▁", "c");
        json["decoder"] = JsonNode.Parse(decoder);
        var (tokenizer, random) = (TestTokenizers.Load(json), new Random(13));
        Assert.Equal(expected.EndsWith('▁') && decoder != "null" ? expected[..^1] + " " : expected, tokenizer.Decode([0, 1, 2]));
        for (var trial = 0; trial < 300; trial++)
        {
            AssertStreams(tokenizer, [.. Enumerable.Range(0, random.Next(10)).Select(_ => random.Next(4))]);
        }
    }

    [Fact]
    public void Text_is_held_until_it_is_certain()
    {
        var text = TestTokenizers.Load(TestTokenizers.ByteLevel(ByteLevel)).CreateDetokenizer();
        Assert.Equal(("", true), (text.Append(0xE2), text.HoldsText));
        Assert.Equal(("", true), (text.Append(0x80), text.HoldsText));
        Assert.Equal(("“", false), (text.Append(0x9C), text.HoldsText));
        Assert.Equal(("a", true), (text.Append(['a', 0xF0]), text.HoldsText));
        Assert.Equal(("\uFFFDb", false), (text.Append('b'), text.HoldsText));
        Assert.Equal(("", true), (text.Append(0xC3), text.HoldsText));
        Assert.Equal(("\uFFFD", false), (text.Flush(), text.HoldsText));
        text.Append(0xC3);
        text.Reset();
        Assert.Equal(("", false), (text.Flush(), text.HoldsText));
        Assert.Throws<ArgumentOutOfRangeException>(() => text.Append(['a', 256]));
        Assert.Equal("", text.Flush());
    }

    [Fact]
    public void Spaces_that_the_end_would_drop_are_held()
    {
        var json = TestTokenizers.Words(" ", "a");
        json["decoder"] = JsonNode.Parse("""{"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"Strip","content":" ","start":0,"stop":1}]}""");
        var text = TestTokenizers.Load(json).CreateDetokenizer();
        Assert.Equal(("", true), (text.Append(0), text.HoldsText));
        Assert.Equal((" ", true), (text.Append(0), text.HoldsText));
        Assert.Equal((" a", false), (text.Append(1), text.HoldsText));
    }

    private static void AssertStreams(Tokenizer tokenizer, int[] ids)
    {
        foreach (var skipSpecialTokens in (bool[])[true, false])
        {
            var detokenizer = tokenizer.CreateDetokenizer(skipSpecialTokens);
            var pieces = ids.Select(detokenizer.Append).ToList();
            pieces.Add(detokenizer.Flush());
            Assert.All(pieces, piece => Assert.Equal(piece, Tokenizer.WithoutLoneSurrogates(piece)));
            Assert.Equal(tokenizer.Decode(ids, skipSpecialTokens), string.Concat(pieces));
        }
    }
}
