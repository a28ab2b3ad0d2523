using System.Text.Json;
using LayerSkip.Engine.Tests.Tokenization;
using LayerSkip.Tests;
using Microsoft.ML.Tokenizers;
using Tokenizer = LayerSkip.Engine.Tokenization.Tokenizer;

namespace LayerSkip.Tokenizers.Tests;

/// <summary>The same vocabulary and merges in Microsoft.ML.Tokenizers' own BPE, which knows nothing of ours.</summary>
public class OtherImplementationTests
{
    // GPT-2's, as its paper's code publishes it.
    private const string Gpt2Pattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    [Fact]
    public void The_parsers_tokens_are_those_of_another_implementation()
    {
        var directory = Path.Combine(SharedData.RepositoryRoot, "models", "topv2-parser");
        using var file = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(directory, "tokenizer.json")));
        var model = file.RootElement.GetProperty("model");
        AssertAgree(
            Tokenizer.Load(directory),
            model.GetProperty("vocab").EnumerateObject().Select(token => KeyValuePair.Create(token.Name, token.Value.GetInt32())),
            model.GetProperty("merges").EnumerateArray().Select(merge => merge.GetString()!));
    }

    [Fact]
    public void Gpt2s_tokens_are_those_of_another_implementation()
    {
        var directory = SharedData.Require("tokenizers/gpt2");
        var vocabulary = JsonSerializer.Deserialize<Dictionary<string, int>>(File.ReadAllText(Path.Combine(directory, "vocab.json")))!;
        var merges = File.ReadLines(Path.Combine(directory, "merges.txt")).Where(line => line.Length > 0 && !line.StartsWith("#version", StringComparison.Ordinal));
        AssertAgree(Tokenizer.Load(directory), vocabulary, merges);
    }

    private static void AssertAgree(Tokenizer own, IEnumerable<KeyValuePair<string, int>> vocabulary, IEnumerable<string> merges)
    {
        var other = BpeTokenizer.Create(new BpeOptions(vocabulary)
        {
            Merges = merges,
            ByteLevel = true,
            PreTokenizer = new RegexPreTokenizer(new(Gpt2Pattern), specialTokens: null),
        });
        var (ours, random) = (new ModelTokenizer(own), new Random(3));
        for (var i = 0; i < 2_000; i++)
        {
            // .NET's regular expressions take letters beyond the basic plane for no letters, and split at them.
            var text = string.Concat(RandomText.Next(random, 12).EnumerateRunes().Where(rune => rune.IsBmp));
            Assert.Equal(other.EncodeToIds(text), ours.EncodeToIds(text));
            Assert.Equal(other.CountTokens(text), ours.CountTokens(text));
        }
    }
}
