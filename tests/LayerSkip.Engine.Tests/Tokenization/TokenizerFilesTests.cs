using System.Text;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.Engine.Tests.Tokenization;

/// <summary>Which files a directory's tokenizer is read from, and what is said where they are others.</summary>
public sealed class TokenizerFilesTests
{
    private const string Vocabulary = """{"a":0,"b":1,"<":2,"|":3,">":4,"Ġ":5,"<|endoftext|>":6,"ab":7}""";

    [Fact]
    public void Gpt2_files_have_the_added_tokens_of_their_config()
    {
        var tokenizer = Load("""
            {"tokenizer_class":"GPT2Tokenizer","added_tokens_decoder":{
            "8":{"content":"<|ab|>","lstrip":false,"normalized":false,"rstrip":false,"single_word":false,"special":true},
            "9":{"content":"||","normalized":false,"special":false}}}
            """);
        Assert.Equal([8, 7, 9, 6], tokenizer.Encode("<|ab|>ab||<|endoftext|>"));
        Assert.True(tokenizer.IsSpecial(8));
        Assert.False(tokenizer.IsSpecial(9));
        Assert.True(tokenizer.IsSpecial(6));
        Assert.Equal([2, 3, 7, 3, 4], tokenizer.Encode("<|ab|>", matching: AddedTokenMatching.None));
    }

    [Theory]
    [InlineData(null, 7)]
    [InlineData("{}", 7)]
    [InlineData("""{"tokenizer_class":"GPT2TokenizerFast","add_prefix_space":true}""", 5, 7)]
    [InlineData("""{"add_bos_token":true}""", 6, 7)]
    [InlineData("""{"add_bos_token":true,"bos_token":"b"}""", 1, 7)]
    public void Gpt2_files_follow_what_their_config_puts_before_a_text(string? config, params int[] expected) =>
        Assert.Equal(expected, Load(config).Encode("ab"));

    [Theory]
    [InlineData("""{"tokenizer_class":"Qwen2Tokenizer"}""", "tokenizer_config.json: tokenizer_class is 'Qwen2Tokenizer', expected 'GPT2Tokenizer' beside vocab.json and merges.txt, or a tokenizer.json (Python's")]
    [InlineData("""{"added_tokens_decoder":{"8":{}}}""", "tokenizer_config.json: added_tokens_decoder.8.content is missing, expected the token's spelling")]
    [InlineData("""{"added_tokens_decoder":{"-8":{"content":"x"}}}""", "tokenizer_config.json: added_tokens_decoder.-8 is named '-8', expected an integer from 0 to")]
    [InlineData("""{"added_tokens_decoder":{"8":{"content":"ab"}}}""", "added_tokens_decoder.8.id is 8, expected 7, which 'ab' has elsewhere")]
    [InlineData("""{"added_tokens_decoder":[]}""", "tokenizer_config.json: added_tokens_decoder is an array, expected an object")]
    [InlineData("""{"add_bos_token":true,"bos_token":"x"}""", "tokenizer_config.json: bos_token is 'x', expected a token of the tokenizer")]
    public void What_is_wrong_with_their_config_is_named(string config, string message) =>
        Assert.Contains(message, Assert.Throws<CheckpointException>(() => Load(config)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("tekken.json")]
    [InlineData("tokenizer.model")]
    public void A_tokenizer_in_another_format_is_named_with_the_way_to_one_that_is_read(string name)
    {
        var error = Assert.Throws<CheckpointException>(() => TestTokenizers.WithFiles(Tokenizer.Load, (name, [])));
        Assert.Contains($"found no tokenizer but {name}, which is not read, expected tokenizer.json (Python's transformers write it: AutoTokenizer.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_any_the_files_that_are_read_are_named()
    {
        var error = Assert.Throws<CheckpointException>(() => TestTokenizers.WithFiles(Tokenizer.Load, ("vocab.json", "{}"u8.ToArray())));
        Assert.Contains("found no tokenizer, expected tokenizer.json, or vocab.json with merges.txt, or a GGUF file", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Other_kinds_of_models_are_named()
    {
        var error = Assert.Throws<CheckpointException>(() => TestTokenizers.Load("""{"model":{"type":"Unigram","vocab":[["a",0]]}}"""));
        Assert.Contains("tokenizer.json: model.type is 'Unigram', expected 'BPE', the one kind that is read", error.Message, StringComparison.Ordinal);
    }

    private static Tokenizer Load(string? config)
    {
        (string, byte[])[] files = [("vocab.json", Encoding.UTF8.GetBytes(Vocabulary)), ("merges.txt", "a b"u8.ToArray())];
        return TestTokenizers.WithFiles(Tokenizer.Load, config is null ? files : [.. files, ("tokenizer_config.json", Encoding.UTF8.GetBytes(config))]);
    }
}
