using System.Buffers;
using LayerSkip.Engine.Tests.Tokenization;
using LayerSkip.Engine.Tokenization;
using Microsoft.ML.Tokenizers;

namespace LayerSkip.Tokenizers.Tests;

public class ModelTokenizerTests
{
    private const string Family = "family 👨‍👩‍👧 at 5";

    [Fact]
    public void Tokens_are_the_models_and_their_offsets_cover_the_text()
    {
        var (own, tokenizer, random) = (TestTokenizers.Parser, new ModelTokenizer(TestTokenizers.Parser), new Random(1));
        for (var i = 0; i < 2_000; i++)
        {
            var text = RandomText.Next(random, 12);
            var tokens = tokenizer.EncodeToTokens(text, out var normalized);
            var ids = own.Encode(text, addSpecialTokens: false, AddedTokenMatching.None);

            Assert.Null(normalized);
            Assert.Equal(ids, tokens.Select(token => token.Id));
            Assert.Equal(ids, tokenizer.EncodeToIds(text));
            Assert.Equal(ids.Select(own.GetToken), tokens.Select(token => token.Value));
            Assert.Equal(ids.Length, tokenizer.CountTokens(text));
            Assert.Equal(text, string.Concat(tokens.Select(token => text[token.Offset])));
            Assert.All(tokens, token => AssertIsBorder(text, token.Offset.End.Value));
        }
    }

    [Fact]
    public void Texts_are_cut_at_so_many_tokens_from_either_end()
    {
        var (tokenizer, random) = (new ModelTokenizer(TestTokenizers.Parser), new Random(2));
        for (var i = 0; i < 500; i++)
        {
            var text = RandomText.Next(random, 12) + "x";
            var ends = tokenizer.EncodeToTokens(text, out _).Select(token => token.Offset.End.Value).ToArray();
            var most = random.Next(1, ends.Length + 2);

            var index = tokenizer.GetIndexByTokenCount(text, most, out _, out var count);
            Assert.Equal(Math.Min(most, ends.Length), count);
            Assert.Equal(ends[count - 1], index);

            index = tokenizer.GetIndexByTokenCountFromEnd(text, most, out _, out count);
            Assert.InRange(count, 0, Math.Min(most, ends.Length));
            Assert.Equal(count == ends.Length ? 0 : ends[^(count + 1)], index);
            Assert.InRange(tokenizer.CountTokens(text[index..]), 0, most);

            var ids = tokenizer.EncodeToIds(text, most, out _, out var consumed);
            Assert.Equal(tokenizer.EncodeToIds(text).Take(most), ids);
            Assert.Equal(ends[ids.Count - 1], consumed);
        }
    }

    [Fact]
    public void No_cut_parts_a_character_that_several_tokens_make_up()
    {
        var tokenizer = new ModelTokenizer(TestTokenizers.Parser);
        Assert.True(tokenizer.CountTokens(Family) > Family.Length);
        for (var most = 1; most <= tokenizer.CountTokens(Family); most++)
        {
            AssertIsBorder(Family, tokenizer.GetIndexByTokenCount(Family, most, out _, out _));
            var index = tokenizer.GetIndexByTokenCountFromEnd(Family, most, out _, out var count);
            AssertIsBorder(Family, index);
            Assert.Equal(count, tokenizer.CountTokens(Family[index..]));
            Assert.InRange(count, 1, most);
        }
    }

    [Fact]
    public void A_cut_from_the_end_takes_no_more_than_it_may()
    {
        const string Text = "👧x";
        var tokenizer = new ModelTokenizer(TestTokenizers.Parser);
        var all = tokenizer.CountTokens(Text);
        Assert.True(all > 3);
        for (var most = 1; most < all; most++)
        {
            Assert.Equal((2, 1), (tokenizer.GetIndexByTokenCountFromEnd(Text, most, out _, out var count), count));
        }

        Assert.Equal(0, tokenizer.GetIndexByTokenCountFromEnd(Text, all, out _, out _));
        Assert.Equal(2, tokenizer.GetIndexByTokenCountFromEnd("👧", 2, out _, out var none));
        Assert.Equal(0, none);
    }

    [Fact]
    public void Spans_are_read_like_strings_and_settings_change_nothing()
    {
        var tokenizer = new ModelTokenizer(TestTokenizers.Parser);
        Assert.Equal(tokenizer.EncodeToIds(Family), tokenizer.EncodeToIds(Family.AsSpan(), considerPreTokenization: false, considerNormalization: false));
        Assert.Equal(tokenizer.CountTokens(Family), tokenizer.CountTokens(Family.AsSpan(), considerPreTokenization: false, considerNormalization: false));
        Assert.Equal(tokenizer.EncodeToTokens(Family, out _), tokenizer.EncodeToTokens(Family.AsSpan(), out _, considerPreTokenization: false, considerNormalization: false));
    }

    [Fact]
    public void A_text_without_tokens_has_none()
    {
        var tokenizer = new ModelTokenizer(TestTokenizers.Parser);
        Assert.Empty(tokenizer.EncodeToTokens(string.Empty, out _));
        Assert.Empty(tokenizer.EncodeToIds(string.Empty));
        Assert.Equal(0, tokenizer.CountTokens(string.Empty));
        Assert.Equal(0, tokenizer.GetIndexByTokenCount(string.Empty, 3, out _, out var count));
        Assert.Equal(0, count);
        Assert.Equal(string.Empty, tokenizer.Decode([]));
    }

    [Fact]
    public void A_text_that_is_normalized_has_offsets_in_what_it_is_normalized_to()
    {
        var tokenizer = new ModelTokenizer(TestTokenizers.Lowercasing());
        var tokens = tokenizer.EncodeToTokens("Wake ME at 7", out var normalized);

        Assert.Equal("wake me at 7", normalized);
        Assert.Equal("wake me at 7", string.Concat(tokens.Select(token => normalized![token.Offset])));
    }

    [Fact]
    public void A_space_that_a_tokenizer_adds_is_no_part_of_the_text()
    {
        var tokenizer = new ModelTokenizer(TestTokenizers.Llama2);
        foreach (var text in new[] { "Hello world", " Hello", "  two  spaces ", Family })
        {
            var tokens = tokenizer.EncodeToTokens(text, out var normalized);
            Assert.Null(normalized);
            Assert.Equal(text, string.Concat(tokens.Select(token => text[token.Offset])));
            Assert.Equal(text, tokenizer.Decode(tokens.Select(token => token.Id)));
        }
    }

    [Fact]
    public void Added_tokens_are_found_only_where_that_is_asked_for()
    {
        const string Text = "<|user|> hi<|assistant|>";
        var own = TestTokenizers.Parser;
        Assert.True(own.TryGetId("<|user|>", out var user));

        Assert.DoesNotContain(user, new ModelTokenizer(own).EncodeToIds(Text));
        var tokens = new ModelTokenizer(own, AddedTokenMatching.All).EncodeToTokens(Text, out _);
        Assert.Equal(user, tokens[0].Id);
        Assert.Equal("<|user|>", Text[tokens[0].Offset]);
        Assert.Equal(" hi", new ModelTokenizer(own).Decode(tokens.Select(token => token.Id)));
    }

    [Fact]
    public void Decoding_stops_where_there_is_no_room_and_goes_on_from_there()
    {
        var tokenizer = new ModelTokenizer(TestTokenizers.Parser);
        var ids = tokenizer.EncodeToIds(Family);
        for (var room = 0; room <= Family.Length + 2; room++)
        {
            var text = new char[room];
            var status = tokenizer.Decode(ids, text, out var consumed, out var written);

            Assert.Equal(room < Family.Length ? OperationStatus.DestinationTooSmall : OperationStatus.Done, status);
            Assert.Equal(Family[..written], new string(text, 0, written));
            Assert.Equal(Family[written..], tokenizer.Decode(ids.Skip(consumed)));
            AssertIsBorder(Family, written);
        }
    }

    [Fact]
    public void Decoding_goes_on_with_a_token_that_ends_one_character_and_begins_the_next()
    {
        const string Text = "a “b” 👧";
        var tokenizer = new ModelTokenizer(TestTokenizers.Gpt2);
        var ids = tokenizer.EncodeToIds(Text);
        Assert.Contains(564, ids); // a space, and two bytes of a quotation mark
        for (var room = 0; room <= Text.Length; room++)
        {
            var text = new char[room];
            var status = tokenizer.Decode(ids, text, out var consumed, out var written);

            Assert.Equal(room < Text.Length ? OperationStatus.DestinationTooSmall : OperationStatus.Done, status);
            Assert.Equal(Text, new string(text, 0, written) + tokenizer.Decode(ids.Skip(consumed)));
        }
    }

    [Fact]
    public void What_is_no_data_behind_half_a_character_leaves_that_for_the_next_call()
    {
        var tokenizer = new ModelTokenizer(TestTokenizers.Gpt2);
        var ids = tokenizer.EncodeToIds("a “b”").Take(2);
        Assert.Equal(OperationStatus.InvalidData, tokenizer.Decode([.. ids, -1], new char[100], out var consumed, out var written));
        Assert.Equal((1, 1), (consumed, written));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1_000_000)]
    public void An_id_outside_the_vocabulary_is_no_data(int id)
    {
        var tokenizer = new ModelTokenizer(TestTokenizers.Parser);
        var ids = tokenizer.EncodeToIds("wake me");
        Assert.Equal(OperationStatus.InvalidData, tokenizer.Decode([.. ids, id], new char[100], out var consumed, out var written));
        Assert.Equal((ids.Count, "wake me".Length), (consumed, written));
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Decode([id]));
    }

    [Fact]
    public void Half_a_character_at_the_end_decodes_to_a_replacement()
    {
        var tokenizer = new ModelTokenizer(TestTokenizers.Parser);
        var ids = tokenizer.EncodeToIds("👧").SkipLast(1).ToArray();
        var text = new char[10];
        Assert.Equal(OperationStatus.Done, tokenizer.Decode(ids, text, out var consumed, out var written));
        Assert.Equal((ids.Length, tokenizer.Decode(ids)), (consumed, new string(text, 0, written)));
        Assert.Equal("\uFFFD", tokenizer.Decode(ids));
    }

    [Fact]
    public void Arguments_are_checked()
    {
        Assert.Throws<ArgumentNullException>("tokenizer", () => new ModelTokenizer(null!));
        Assert.Throws<ArgumentOutOfRangeException>("matching", () => new ModelTokenizer(TestTokenizers.Parser, (AddedTokenMatching)77));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ModelTokenizer(TestTokenizers.Parser).GetIndexByTokenCountFromEnd("x", 0, out _, out _));
        Assert.Throws<ArgumentNullException>("ids", () => new ModelTokenizer(TestTokenizers.Parser).Decode(null!));
    }

    private static void AssertIsBorder(string text, int index) =>
        Assert.False(index > 0 && index < text.Length && char.IsSurrogatePair(text[index - 1], text[index]), $"{index} is within a character");
}
