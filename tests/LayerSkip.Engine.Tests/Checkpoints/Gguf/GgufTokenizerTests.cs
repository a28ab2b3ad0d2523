using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Checkpoints.Gguf;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Engine.Tokenization.Loading;
using LayerSkip.Engine.Tokenization.Patterns;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Checkpoints.Gguf;

/// <summary>Tokenizers in GGUF files, against what llama.cpp makes of the same files.</summary>
public class GgufTokenizerTests
{
    private static readonly Lazy<JsonElement> s_golden = new(() => JsonElement.Parse(File.ReadAllBytes(
        Path.Combine(SharedData.RepositoryRoot, "tests/LayerSkip.Engine.Tests/Checkpoints/Gguf/llama-cpp.json"))));

    [Theory]
    [InlineData("default")]
    [InlineData("gpt-2")]
    [InlineData("llama-bpe")]
    [InlineData("smaug-bpe")]
    [InlineData("qwen2")]
    [InlineData("smollm")]
    [InlineData("deepseek-coder")]
    [InlineData("tekken")]
    [InlineData("pixtral")]
    [InlineData("midm-2.0")]
    [InlineData("kormo")]
    [InlineData("megrez")]
    [InlineData("seed-coder")]
    [InlineData("trillion")]
    [InlineData("viking")]
    public void Every_way_of_splitting_gives_the_ids_of_llama_cpp(string pre)
    {
        var directory = SharedData.Require("tokenizers/gpt2");
        var vocabulary = JsonElement.Parse(File.ReadAllBytes(Path.Combine(directory, "vocab.json")))
            .EnumerateObject().OrderBy(token => token.Value.GetInt32()).Select(token => token.Name).ToArray();
        using var file = Write(writer =>
        {
            writer.Add(GgufKeys.TokenizerModel, "gpt2");
            writer.Add(GgufKeys.PreTokenizer, pre);
            writer.Add(GgufKeys.Tokens, vocabulary);
            writer.Add(GgufKeys.TokenTypes, [.. vocabulary.Select(token => token == "<|endoftext|>" ? 3 : 1)]);
            writer.Add(GgufKeys.Merges, File.ReadAllLines(Path.Combine(directory, "merges.txt")).Where(line => !line.StartsWith("#version", StringComparison.Ordinal)).ToArray());
        });
        AssertIds(Tokenizer.Load(file.Path), s_golden.Value.GetProperty("gpt2").GetProperty(pre));
    }

    [Theory]
    [InlineData("qwen2", "aB", "aB")]
    [InlineData("tekken", "aB", "a", "B")]
    [InlineData("tekken", "Ba", "Ba")]
    [InlineData("tekken", "éÉ", "é", "É")]
    [InlineData("tekken", ";/", ";/")]
    [InlineData("qwen2", ";\n", ";\n")]
    [InlineData("tekken", ";\n", ";\n")]
    [InlineData("seed-coder", ";\n", ";", "\n")]
    [InlineData("viking", "a;,B", "a;", ",", "B")]
    [InlineData("gpt-2", "a;,B", "a", ";", ",", "B")]
    [InlineData("mellum", "a;,B", "a", ";", ",", "B")]
    [InlineData("exaone4", "a;,B", "a", ";", ",", "B")]
    [InlineData("gigachat", "a;,B", "a", ";", ",", "B")]
    [InlineData("a.x-4.0", "a;,B", "a", ";", ",", "B")]
    [InlineData("gpt-2", ";\n", ";", "\n")]
    [InlineData("falcon-h1", ";\n", ";\n")]
    [InlineData("lfm2", ";\n", ";\n")]
    [InlineData("deepseek-llm", "a;\néÉaB", "a", ";", "\n", "éÉ", "aB")]
    public void Ways_of_splitting_differ_where_llama_cpp_or_the_model_says_so(string pre, string text, params string[] expected)
    {
        // Every two characters that stand together in a piece are a token.
        string[] merges = ["a B", "B a", "; Ċ", "; /", "a ;", "Ã ©", "Ã ī", "Ã© Ãī"];
        using var file = Write(writer =>
        {
            writer.Add(GgufKeys.TokenizerModel, "gpt2");
            writer.Add(GgufKeys.PreTokenizer, pre);
            writer.Add(GgufKeys.Tokens, ["a", "B", ";", "Ċ", "/", ",", "Ã", "©", "ī", .. merges.Select(merge => merge.Replace(" ", "", StringComparison.Ordinal))]);
            writer.Add(GgufKeys.Merges, merges);
        });
        var tokenizer = Tokenizer.Load(file.Path);
        Assert.Equal(expected, tokenizer.Encode(text, addSpecialTokens: false).Select(id => tokenizer.Decode([id])));
    }

    [Theory]
    [InlineData("tokenizers/llama2", "llama2", 32000)]
    [InlineData("stories260K", "stories260K", 512)]
    [InlineData("topv2-parser", "topv2-parser", 2304)]
    public void Written_tokenizers_give_the_ids_of_llama_cpp_and_of_their_source(string shared, string name, int size)
    {
        var directory = SharedData.Require(shared);
        using var file = Write(writer => GgufTokenizerWriter.Add(writer, directory, size, new Dictionary<string, string>(), new GenerationDefaults()));
        var (source, written) = (Tokenizer.Load(directory), Tokenizer.Load(file.Path));
        AssertIds(written, s_golden.Value.GetProperty(name));
        Assert.Equal(source.Family, written.Family);
        Assert.Equal(source.VocabularySize, written.VocabularySize);
        var random = new Random(9);
        foreach (var text in Texts().Concat(Enumerable.Range(0, 200).Select(_ => Tokenization.RandomText.Next(random, 20))))
        {
            foreach (var matching in Enum.GetValues<AddedTokenMatching>())
            {
                if (name == "llama2" && matching != AddedTokenMatching.None)
                {
                    // Its added tokens are looked for in the normalized text, which GGUF files cannot tell.
                    continue;
                }

                Assert.Equal(source.Encode(text, true, matching), written.Encode(text, true, matching));
            }

            var ids = source.Encode(text);
            Assert.Equal(source.Decode(ids), written.Decode(ids));
        }
    }

    [Theory]
    [InlineData("gpt-2", false, """{"type":"ByteLevel","add_prefix_space":false}""")]
    [InlineData("gpt-2", false, """{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"GPT2"},"behavior":"Isolated"},BYTES]}""")]
    [InlineData("llama-bpe", true, """{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"LLAMA3"},"behavior":"Isolated","invert":false},BYTES]}""")]
    [InlineData("llama-bpe", true, """{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"LLAMA3"},"behavior":"Removed","invert":true},BYTES]}""")]
    [InlineData("smaug-bpe", false, """{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"LLAMA3"},"behavior":"Isolated"},{"type":"Sequence","pretokenizers":[BYTES]}]}""")]
    [InlineData("smollm", false, """{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{"type":"ByteLevel","add_prefix_space":false,"use_regex":true}]}""")]
    [InlineData("deepseek-coder", false, """
        {"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"[\r\n]"},"behavior":"Isolated"},{"type":"Split","pattern":{"Regex":"\\s?\\p{L}+"},"behavior":"Isolated"},
        {"type":"Split","pattern":{"Regex":"\\s?\\p{P}+"},"behavior":"Isolated"},{"type":"Split","pattern":{"Regex":"[一-龥ࠀ-一가-퟿]+"},"behavior":"Isolated"},
        {"type":"Digits","individual_digits":true},BYTES]}
        """)]
    [InlineData("tekken", true, """
        {"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},"behavior":"Isolated"},BYTES]}
        """)]
    [InlineData(null, true, """{"type":"ByteLevel","add_prefix_space":false}""")]
    [InlineData(null, false, """{"type":"ByteLevel","add_prefix_space":true}""")]
    [InlineData(null, false, """{"type":"Sequence","pretokenizers":[BYTES]}""")]
    [InlineData(null, false, """{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"LLAMA3"},"behavior":"Removed"},BYTES]}""")]
    [InlineData(null, false, """{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"\\p{L}+"},"behavior":"Removed","invert":true},BYTES]}""")]
    [InlineData(null, false, """{"type":"Sequence","pretokenizers":[BYTES,{"type":"Digits"}]}""")]
    public void Ways_of_splitting_are_written_by_the_names_that_are_read(string? name, bool ignoresMerges, string preTokenizer)
    {
        foreach (var (placeholder, text) in (ReadOnlySpan<(string, string)>)
            [("GPT2", GptPattern.Expression(GptDialect.Gpt2)), ("LLAMA3", GptPattern.Expression(GptDialect.Llama3)), ("BYTES", string.Empty)])
        {
            preTokenizer = preTokenizer.Replace(
                placeholder,
                text.Length > 0 ? JsonEncodedText.Encode(text).ToString() : """{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}""",
                StringComparison.Ordinal);
        }

        var json = Tokenization.TestTokenizers.ByteLevel(preTokenizer);
        json["model"]!["ignore_merges"] = ignoresMerges;
        json["normalizer"] = JsonNode.Parse("""{"type":"Sequence","normalizers":[]}""");
        Tokenization.TestTokenizers.WithFiles(
            directory =>
            {
                if (name is null)
                {
                    Assert.Contains("expected a splitting that GGUF has a name for", Assert.Throws<CheckpointException>(WriteName).Message, StringComparison.Ordinal);
                }
                else
                {
                    Assert.Equal(name, WriteName());
                }

                return 0;

                string? WriteName()
                {
                    using var file = Write(writer => GgufTokenizerWriter.Add(writer, directory, 256, new Dictionary<string, string>(), new GenerationDefaults()));
                    return GgufFile.ReadMetadata(file.Path).TextOrNull(GgufKeys.PreTokenizer);
                }
            },
            ("tokenizer.json", Encoding.UTF8.GetBytes(json.ToJsonString())));
    }

    [Theory]
    [InlineData("stories260K")]
    [InlineData("topv2-parser")]
    public void Greedy_answers_are_those_of_llama_cpp(string name)
    {
        var directory = SharedData.Require(name);
        using var checkpoint = Checkpoint.Open(directory);
        using var file = new TemporaryFile();
        GgufExport.Write(
            file.Path, name, checkpoint.Config, checkpoint.Generation, checkpoint.Weights, GgufTensorType.F32,
            writer => GgufTokenizerWriter.Add(writer, directory, checkpoint.Config.VocabularySize, new Dictionary<string, string>(), checkpoint.Generation));
        using var model = LayerSkipModel.Load(file.Path, new ModelOptions { WeightFormat = WeightFormat.F32 });
        foreach (var item in s_golden.Value.GetProperty("greedy").GetProperty(name).EnumerateArray())
        {
            var expected = Ids(item.GetProperty("output"));
            using var generation = model.Generate(Ids(item.GetProperty("prompt")), new DecodingOptions { Mode = DecodingMode.Autoregressive, MaxNewTokens = expected.Length });
            while (generation.NextRound())
            {
            }

            Assert.Equal(expected, generation.Output.ToArray());
        }
    }

    [Theory]
    [InlineData("gpt2", "nonsense", "key tokenizer.ggml.pre is 'nonsense', expected one of default, gpt-2")]
    [InlineData("bert", "default", "key tokenizer.ggml.model is 'bert', expected 'gpt2' (byte-level BPE) or 'llama' (SentencePiece)")]
    [InlineData("gpt2", "default", "key tokenizer.ggml.merges is missing")]
    [InlineData("llama", "default", "key tokenizer.ggml.scores is missing")]
    public void What_is_not_supported_is_named(string model, string pre, string message) => Refuse(message, writer =>
    {
        writer.Add(GgufKeys.TokenizerModel, model);
        writer.Add(GgufKeys.PreTokenizer, pre);
        writer.Add(GgufKeys.Tokens, ["a", "b"]);
    });

    [Fact]
    public void Damaged_vocabularies_are_told()
    {
        Refuse("key tokenizer.ggml.tokens is missing", Model);
        Refuse("key tokenizer.ggml.tokens is an array of 2 Int32, expected an array of strings", Model, Numbers(GgufKeys.Tokens, 1, 2));
        Refuse("tokenizer.ggml.tokens[1] is 'a', which is token 0 already", Model, Tokens("a", "a"), Merges());
        Refuse("expected one type for each of the 2 tokens", Model, Tokens("a", "b"), Numbers(GgufKeys.TokenTypes, 1));
        Refuse("tokenizer.ggml.token_type[1] is not an integer from 0 to 6", Model, Tokens("a", "b"), Numbers(GgufKeys.TokenTypes, 1, 7));
        Refuse("merge 0 is 'a c', expected two tokens of the vocabulary which together are a third", Model, Tokens("a", "b"), Merges("a c"));
        Refuse("key tokenizer.ggml.bos_token_id is 2, expected an integer from 0 to 1", Model, Tokens("a", "b"), Merges(), writer => writer.Add(GgufKeys.BeginId, 2), writer => writer.Add(GgufKeys.AddBegin, true));

        static void Model(GgufWriter writer) => writer.Add(GgufKeys.TokenizerModel, "gpt2");
        static Action<GgufWriter> Tokens(params string[] tokens) => writer => writer.Add(GgufKeys.Tokens, tokens);
        static Action<GgufWriter> Numbers(string key, params int[] numbers) => writer => writer.Add(key, numbers);
        static Action<GgufWriter> Merges(params string[] merges) => writer => writer.Add(GgufKeys.Merges, merges);
    }

    [Fact]
    public void Scores_that_would_take_forever_or_are_no_numbers_are_refused()
    {
        Refuse("token 1 is 600 characters long, expected at most 512", Scored(["a", new string('a', 600)], [0, 1]));
        Refuse("expected one number for each of the 2 tokens", Scored(["a", "b"], [0]));
        Refuse("key tokenizer.ggml.scores", Scored(["a", "b"], [0, float.NaN]));

        static Action<GgufWriter> Scored(string[] tokens, float[] scores) => writer =>
        {
            writer.Add(GgufKeys.TokenizerModel, "llama");
            writer.Add(GgufKeys.Tokens, tokens);
            writer.Add(GgufKeys.Scores, scores);
        };
    }

    [Fact]
    public void Control_tokens_that_a_text_spells_stay_text_where_they_must()
    {
        using var file = Write(writer =>
        {
            writer.Add(GgufKeys.TokenizerModel, "gpt2");
            writer.Add(GgufKeys.PreTokenizer, "llama-bpe"); // takes pieces that are tokens whole
            writer.Add(GgufKeys.Tokens, ["e", "n", "d", "end", "en"]);
            writer.Add(GgufKeys.TokenTypes, [1, 1, 1, 3, 1]);
            writer.Add(GgufKeys.Merges, ["e n"]);
        });
        var tokenizer = Tokenizer.Load(file.Path);
        Assert.Equal([3], tokenizer.Encode("end", addSpecialTokens: false));
        Assert.Equal([4, 2], tokenizer.Encode("end", addSpecialTokens: false, AddedTokenMatching.None));
        Assert.True(tokenizer.IsSpecial(3));
    }

    private static IEnumerable<string> Texts() => s_golden.Value.GetProperty("texts").EnumerateArray().Select(text => text.GetString()!);

    private static void AssertIds(Tokenizer tokenizer, JsonElement expected)
    {
        foreach (var (text, ids) in Texts().Zip(expected.EnumerateArray()))
        {
            Assert.Equal(Ids(ids), tokenizer.Encode(text, addSpecialTokens: false));
        }
    }

    private static int[] Ids(JsonElement array) => [.. array.EnumerateArray().Select(id => id.GetInt32())];

    private static TemporaryFile Write(params Action<GgufWriter>[] adds)
    {
        var file = new TemporaryFile();
        var writer = new GgufWriter();
        foreach (var add in adds)
        {
            add(writer);
        }

        writer.Write(file.Path);
        return file;
    }

    private static void Refuse(string message, params Action<GgufWriter>[] adds)
    {
        using var file = Write(adds);
        Assert.Contains(message, Assert.Throws<CheckpointException>(() => Tokenizer.Load(file.Path)).Message, StringComparison.Ordinal);
    }
}
