using System.Text;
using System.Text.Json.Nodes;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Tokenization;

/// <summary>Tokenizers for tests: the checkout's own, and small ones written on the spot.</summary>
internal static class TestTokenizers
{
    private static readonly Lazy<Tokenizer> LoadedParser = new(() => Tokenizer.Load(ParserDirectory));

    public static string ParserDirectory => Path.Combine(SharedData.RepositoryRoot, "models", "topv2-parser");

    /// <summary>The embedded parser's byte-level tokenizer, added tokens included.</summary>
    public static Tokenizer Parser => LoadedParser.Value;

    /// <summary>Loads a <c>tokenizer.json</c> of the given text.</summary>
    public static Tokenizer Load(string json) => WithFiles(Tokenizer.Load, ("tokenizer.json", Encoding.UTF8.GetBytes(json)));

    public static Tokenizer Load(JsonNode json) => Load(json.ToJsonString());

    public static T WithFiles<T>(Func<string, T> use, params (string Name, byte[] Content)[] files)
    {
        var directory = Directory.CreateTempSubdirectory("layerskip-tokenizer-");
        try
        {
            foreach (var (name, content) in files)
            {
                File.WriteAllBytes(Path.Combine(directory.FullName, name), content);
            }

            return use(directory.FullName);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    /// <summary>A SentencePiece-style file: byte tokens 0..255, then the given tokens from 256 on; merges as "a b".</summary>
    public static JsonObject SentencePiece(string[] tokens, params string[] merges)
    {
        var vocabulary = new JsonObject();
        for (var value = 0; value < 256; value++)
        {
            vocabulary[$"<0x{value:X2}>"] = value;
        }

        foreach (var token in tokens)
        {
            vocabulary[token] = vocabulary.Count;
        }

        return new JsonObject
        {
            ["added_tokens"] = new JsonArray(),
            ["normalizer"] = JsonNode.Parse("""
                {"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]}
                """),
            ["pre_tokenizer"] = null,
            ["post_processor"] = null,
            ["decoder"] = JsonNode.Parse("""
                {"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},
                {"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}
                """),
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["byte_fallback"] = true,
                ["fuse_unk"] = true,
                ["vocab"] = vocabulary,
                ["merges"] = new JsonArray([.. merges.Select(merge => (JsonNode)merge)]),
            },
        };
    }

    /// <summary>A byte-level file: the 256 bytes in order of their value, and nothing merged; <paramref name="preTokenizer"/> is JSON.</summary>
    public static JsonObject ByteLevel(string preTokenizer)
    {
        var vocabulary = new JsonObject();
        foreach (var character in ByteAlphabet())
        {
            vocabulary[character.ToString()] = vocabulary.Count;
        }

        return new JsonObject
        {
            ["added_tokens"] = new JsonArray(),
            ["pre_tokenizer"] = JsonNode.Parse(preTokenizer),
            ["decoder"] = JsonNode.Parse("""{"type":"ByteLevel"}"""),
            ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = vocabulary, ["merges"] = new JsonArray() },
        };
    }

    /// <summary>A file of these tokens and nothing else: most texts cannot be written.</summary>
    public static JsonObject Words(params string[] words) => new()
    {
        ["added_tokens"] = new JsonArray(),
        ["decoder"] = JsonNode.Parse("""{"type":"Fuse"}"""),
        ["model"] = new JsonObject
        {
            ["type"] = "BPE",
            ["vocab"] = new JsonObject(words.Select((word, id) => KeyValuePair.Create(word, (JsonNode?)id))),
            ["merges"] = new JsonArray(),
        },
    };

    /// <summary>An entry of <c>added_tokens</c>.</summary>
    public static JsonObject Added(
        int id, string content, bool special = false, bool normalized = false, bool lstrip = false, bool rstrip = false, bool singleWord = false) =>
        new()
        {
            ["id"] = id, ["content"] = content, ["special"] = special, ["normalized"] = normalized,
            ["lstrip"] = lstrip, ["rstrip"] = rstrip, ["single_word"] = singleWord,
        };

    private static IEnumerable<char> ByteAlphabet()
    {
        var next = 256;
        for (var value = 0; value < 256; value++)
        {
            yield return value is (>= 33 and <= 126) or (>= 161 and <= 172) or (>= 174 and <= 255) ? (char)value : (char)next++;
        }
    }
}
