using System.Text;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.Engine.Tests.Tokenization;

/// <summary>What <c>tokenizer_config.json</c> has Llama tokenizers put around a text, and which tokens it adds.</summary>
public sealed class TokenizerConfigTests
{
    private const string Begin = """
        ,"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}},{"Sequence":{"id":"A"}}],"special_tokens":{"<s>":{"ids":[1]}}}
        """;

    // DeepSeek's files: byte-level ones whose template names no token.
    private const string None = """
        ,"post_processor":{"type":"ByteLevel"}
        """;

    [Theory]
    [InlineData(None, """{"tokenizer_class":"LlamaTokenizerFast","bos_token":{"__type":"AddedToken","content":"<begin>"}}""", 3, 0)]
    [InlineData(None, """{"tokenizer_class":"LlamaTokenizer","add_bos_token":true,"bos_token":"<begin>"}""", 3, 0)]
    [InlineData(None, """{"tokenizer_class":"CodeLlamaTokenizer"}""", 1, 0)]
    [InlineData(None, """{"tokenizer_class":"CodeLlamaTokenizerFast","add_eos_token":true}""", 1, 0, 2)]
    [InlineData(None, """{"tokenizer_class":"LlamaTokenizer","add_bos_token":false,"add_eos_token":true,"eos_token":"<end>"}""", 0, 4)]
    [InlineData(Begin, """{"tokenizer_class":"LlamaTokenizer","add_bos_token":false}""", 0)]
    [InlineData(Begin, """{"tokenizer_class":"LlamaTokenizer","bos_token":"<begin>"}""", 3, 0)]
    [InlineData(Begin, """{"tokenizer_class":"LlamaTokenizer","bos_token":"<unheard-of>"}""", 1, 0)]
    [InlineData(Begin, """{"add_bos_token":false}""", 0)]
    [InlineData(Begin, """{"tokenizer_class":"LlamaTokenizer","add_bos_token":null}""", 0)]
    [InlineData(Begin, """{"tokenizer_class":"LlamaTokenizer","add_eos_token":null}""", 1, 0)]
    [InlineData(None, """{"add_bos_token":true}""", 1, 0)]
    [InlineData(None, "{}", 0)]
    [InlineData(Begin, "{}", 1, 0)]
    public void Llama_tokenizers_build_their_template_from_it(string postProcessor, string config, params int[] expected) =>
        Assert.Equal(expected, Load(postProcessor, config).Encode("a"));

    [Theory]
    [InlineData(Begin, """{"tokenizer_class":"PreTrainedTokenizerFast","add_bos_token":false,"add_eos_token":true}""", 1, 0)]
    [InlineData(Begin, """{"tokenizer_class":"PreTrainedTokenizerFast","bos_token":"<begin>"}""", 1, 0)]
    [InlineData(None, """{"tokenizer_class":"GPT2Tokenizer","add_bos_token":true}""", 0)]
    public void Others_do_not_look_at_it(string postProcessor, string config, params int[] expected) =>
        Assert.Equal(expected, Load(postProcessor, config).Encode("a"));

    [Theory]
    [InlineData("""{"add_bos_token":1}""", "tokenizer_config.json: add_bos_token is 1, expected true or false")]
    [InlineData("""{"tokenizer_class":7}""", "tokenizer_config.json: tokenizer_class is 7, expected a string")]
    [InlineData("""{"add_bos_token":true,"bos_token":"<unheard-of>"}""", "tokenizer_config.json: bos_token is '<unheard-of>', expected a token of the tokenizer")]
    [InlineData("""{"add_bos_token":true,"bos_token":{}}""", "tokenizer_config.json: bos_token.content is missing, expected the token's spelling")]
    [InlineData("[]", "tokenizer_config.json is an array, expected an object")]
    [InlineData("{", "tokenizer_config.json: line 1, byte 2: not valid JSON")]
    public void What_is_wrong_is_named(string config, string message) =>
        Assert.Contains(message, Assert.Throws<CheckpointException>(() => Load(None, config)).Message, StringComparison.Ordinal);

    /// <summary>As transformers add them: by their spelling, with what this file says of them, and named ones that the vocabulary has.</summary>
    [Fact]
    public void Added_tokens_are_those_of_both_files()
    {
        var plain = Load(None, "{}");
        Assert.False(plain.IsSpecial(1));
        Assert.Equal([3, 0], plain.Encode("<begin>a"));

        var tokenizer = Load(None, """
            {"added_tokens_decoder":{
              "3":{"content":"<begin>","special":false},
              "9":{"content":"<end>","special":true,"lstrip":true},
              "7":{"content":"<new>","special":false},
              "0":{"content":"<elsewhere>"}},
            "additional_special_tokens":["<new>"],"bos_token":"<s>","pad_token":{"content":"<unheard-of>"}}
            """);
        Assert.Equal((true, true, true, true), (tokenizer.IsSpecial(3), tokenizer.IsSpecial(4), tokenizer.IsSpecial(7), tokenizer.IsSpecial(1)));
        Assert.Equal([1, 0, 4, 7, 0], tokenizer.Encode("<s>a  <end><new>a"));
        Assert.Equal("a", tokenizer.Decode([3, 4, 0]));
        Assert.DoesNotContain(9, tokenizer.Encode("<end>"));
    }

    private static Tokenizer Load(string postProcessor, string config)
    {
        var tokenizer = $$"""
            {"added_tokens":[{"id":3,"content":"<begin>","special":true},{"id":4,"content":"<end>","special":true}],
            "model":{"vocab":{"a":0,"<s>":1,"</s>":2},"merges":[]}{{postProcessor}}}
            """;
        return TestTokenizers.WithFiles(
            Tokenizer.Load, ("tokenizer.json", Encoding.UTF8.GetBytes(tokenizer)), ("tokenizer_config.json", Encoding.UTF8.GetBytes(config)));
    }
}
