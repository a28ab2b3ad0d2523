using System.Text.Json;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Tokenization;

/// <summary>Real tokenizers against the ids that the reference implementations give.</summary>
public sealed class GoldenVectorTests
{
    [Fact]
    public void Parser_cases_encode_as_the_reference()
    {
        var tokenizer = Tokenizer.Load(Path.GetDirectoryName(SharedData.Require("topv2-parser/tokenizer.json"))!);
        foreach (var item in SharedData.RequireJson("topv2-parser/golden.json").GetProperty("tokenizer_cases").EnumerateArray())
        {
            var text = item.GetProperty("text").GetString()!;
            Assert.Equal(Ids(item, "ids_with_added_tokens"), tokenizer.Encode(text, addSpecialTokens: false));
            if (item.TryGetProperty("ids_plain", out _))
            {
                Assert.Equal(Ids(item, "ids_plain"), tokenizer.Encode(text, addSpecialTokens: false, AddedTokenMatching.None));
            }
        }
    }

    [Fact]
    public void Parser_prompts_and_outputs_are_the_golden_ones()
    {
        var tokenizer = TestTokenizers.Parser;
        foreach (var item in SharedData.RequireJson("topv2-parser/golden.json").GetProperty("items").EnumerateArray())
        {
            Assert.Equal(Ids(item, "prompt_ids"), tokenizer.Encode(item.GetProperty("prompt_text").GetString()!));
            Assert.Equal(item.GetProperty("output_text").GetString(), tokenizer.Decode(Ids(item, "output_ids")).Trim());
        }
    }

    [Fact]
    public void Stories_tokenizer_encodes_as_the_reference_and_decodes_back()
    {
        var tokenizer = Tokenizer.Load(Path.GetDirectoryName(SharedData.Require("stories260K/tokenizer.json"))!);
        foreach (var item in SharedData.RequireJson("stories260K/tokenizer_vectors.json").EnumerateArray())
        {
            var text = item.GetProperty("text").GetString()!;
            Assert.Equal(Ids(item, "ids"), tokenizer.Encode(text));
            Assert.Equal(text, tokenizer.Decode(Ids(item, "ids")));
        }
    }

    [Fact]
    public void Gpt2_files_encode_as_the_reference_and_decode_back()
    {
        var tokenizer = Tokenizer.Load(SharedData.Require("tokenizers/gpt2"));
        var vectors = SharedData.RequireJson("tokenizers/gpt2/vectors.json");
        foreach (var item in vectors.GetProperty("cases").EnumerateArray())
        {
            var ids = tokenizer.Encode(item.GetProperty("text").GetString()!);
            Assert.Equal(Ids(item, "ids"), ids);
            Assert.Equal(item.GetProperty("tokens").EnumerateArray().Select(token => token.GetString()), ids.Select(tokenizer.GetToken));

            // The reference's text has been cleaned up after decoding, which takes the space before "!" away; decoding itself is lossless.
            Assert.Equal(item.GetProperty("text").GetString(), tokenizer.Decode(ids));
            Assert.Equal(item.GetProperty("decoded").GetString(), tokenizer.Decode(ids).Replace(" !", "!", StringComparison.Ordinal));
        }

        AssertLosslessVectors(tokenizer, vectors);
        Assert.Equal((50257, 50256, 1), (tokenizer.VocabularySize, tokenizer.BaseVocabularySize, tokenizer.AddedTokenCount));
        Assert.Equal([15496, 50256], tokenizer.Encode("Hello<|endoftext|>"));
        Assert.True(tokenizer.IsSpecial(50256));
    }

    [Fact]
    public void Llama2_encodes_as_the_reference_and_decodes_back()
    {
        var tokenizer = Tokenizer.Load(SharedData.Require("tokenizers/llama2"));
        AssertLosslessVectors(tokenizer, SharedData.RequireJson("tokenizers/llama2/vectors.json"));
        Assert.Equal(TokenizerFamily.SentencePieceBpe, tokenizer.Family);
        Assert.Equal((32000, 31997, 3), (tokenizer.VocabularySize, tokenizer.BaseVocabularySize, tokenizer.AddedTokenCount));
        Assert.Equal([1, 15043], tokenizer.Encode("Hello"));
    }

    [Fact]
    public void Parser_describes_itself()
    {
        var tokenizer = TestTokenizers.Parser;
        Assert.Equal(TokenizerFamily.ByteLevelBpe, tokenizer.Family);
        Assert.Equal((2304, 2132, 172), (tokenizer.VocabularySize, tokenizer.BaseVocabularySize, tokenizer.AddedTokenCount));
        Assert.True(tokenizer.TryGetId("<|end|>", out var end));
        Assert.Equal(2303, end);
        Assert.Equal("<|end|>", tokenizer.GetToken(end));
        Assert.True(tokenizer.IsSpecial(end));
        Assert.True(tokenizer.TryGetId("Ġt", out var id));
        Assert.Equal("Ġt", tokenizer.GetToken(id));
        Assert.False(tokenizer.IsSpecial(id));
        Assert.False(tokenizer.TryGetId("no such token", out _));
        Assert.Null(tokenizer.GetToken(2304));
        Assert.Null(tokenizer.GetToken(-1));
    }

    private static void AssertLosslessVectors(Tokenizer tokenizer, JsonElement vectors)
    {
        foreach (var item in vectors.GetProperty("no_special_tokens").EnumerateArray())
        {
            var text = item.GetProperty("text").GetString()!;
            Assert.Equal(Ids(item, "ids"), tokenizer.Encode(text, addSpecialTokens: false));
            Assert.Equal(text, tokenizer.Decode(Ids(item, "ids")));
        }
    }

    private static int[] Ids(JsonElement item, string name) => [.. item.GetProperty(name).EnumerateArray().Select(id => id.GetInt32())];
}
