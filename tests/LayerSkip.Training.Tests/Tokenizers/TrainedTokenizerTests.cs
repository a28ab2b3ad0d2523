using System.Text.Json;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Tests;
using LayerSkip.Training.Tokenizers;

namespace LayerSkip.Training.Tests.Tokenizers;

public sealed class TrainedTokenizerTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("layerskip-").FullName;

    private static TrainedTokenizer Trained { get; } = BpeTrainer.Train(
        Enumerable.Repeat(" set an alarm for seven", 4),
        new BpeTrainerOptions
        {
            VocabularySize = 280,
            AddedTokens = [new(" ]"), new("<|pad|>", true), new("<|user|>", true), new("<|end|>", true)],
        });

    [Fact]
    public void Layout_is_that_of_the_shipped_tokenizer()
    {
        using var shipped = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(SharedData.RepositoryRoot, "models", "topv2-parser", "tokenizer.json")));
        var (expected, actual) = (shipped.RootElement, TrainedJson.Root(Trained));

        Assert.Equal(Names(expected), Names(actual));
        foreach (var name in (string[])["version", "truncation", "padding", "normalizer", "pre_tokenizer", "post_processor", "decoder"])
        {
            Assert.True(JsonElement.DeepEquals(expected.GetProperty(name), actual.GetProperty(name)), name);
        }

        Assert.Equal(Names(expected.GetProperty("added_tokens")[0]), Names(actual.GetProperty("added_tokens")[0]));
        var (expectedModel, actualModel) = (expected.GetProperty("model"), actual.GetProperty("model"));
        Assert.Equal(Names(expectedModel), Names(actualModel));
        foreach (var name in Names(expectedModel).Except(["vocab", "merges"]))
        {
            Assert.True(JsonElement.DeepEquals(expectedModel.GetProperty(name), actualModel.GetProperty(name)), name);
        }

        // The bytes have the same ids.
        Assert.Equal(
            expectedModel.GetProperty("vocab").EnumerateObject().Take(256).Select(token => (token.Name, token.Value.GetInt32())),
            actualModel.GetProperty("vocab").EnumerateObject().Take(256).Select(token => (token.Name, token.Value.GetInt32())));
    }

    [Fact]
    public void Written_directory_loads()
    {
        var directory = Path.Combine(_directory, "new", "one");

        Trained.Write(directory, new TokenizerConfig { EndOfSequence = "<|end|>", Padding = "<|pad|>", ChatTemplate = "{{ 'é\"' }}" });
        var tokenizer = Tokenizer.Load(directory);

        Assert.Equal(["special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"], Directory.GetFiles(directory).Select(Path.GetFileName).Order());
        Assert.Equal(Trained.VocabularySize, tokenizer.VocabularySize);
        Assert.Equal(Trained.ToTokenizer().Encode(" set alarms ]<|end|>"), tokenizer.Encode(" set alarms ]<|end|>"));
        using var config = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(directory, "tokenizer_config.json")));
        using var map = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(directory, "special_tokens_map.json")));
        Assert.Equal("{{ 'é\"' }}", config.RootElement.GetProperty("chat_template").GetString());
        Assert.Equal("<|end|>", config.RootElement.GetProperty("added_tokens_decoder").GetProperty($"{Trained.VocabularySize - 1}").GetProperty("content").GetString());
        foreach (var file in (JsonElement[])[config.RootElement, map.RootElement])
        {
            Assert.Equal("<|end|>", file.GetProperty("eos_token").GetString());
            Assert.Equal("<|pad|>", file.GetProperty("pad_token").GetString());
            Assert.False(file.TryGetProperty("bos_token", out _));
            Assert.Equal(["<|user|>"], file.GetProperty("additional_special_tokens").EnumerateArray().Select(token => token.GetString()));
        }
    }

    [Fact]
    public void Parts_are_for_special_tokens()
    {
        var directory = Path.Combine(_directory, "none");

        foreach (var token in (string[])["<|begin|>", " ]", ""])
        {
            var error = Assert.Throws<ArgumentException>(() => Trained.Write(directory, new TokenizerConfig { BeginOfSequence = token }));

            Assert.Contains($"BeginOfSequence is '{token}'", error.Message, StringComparison.Ordinal);
        }

        Assert.False(Directory.Exists(directory));
    }

    [Fact]
    public void Failed_write_leaves_nothing_behind()
    {
        Directory.CreateDirectory(Path.Combine(_directory, "tokenizer.json", "in the way"));

        Assert.ThrowsAny<Exception>(() => Trained.Write(_directory));

        Assert.Empty(Directory.GetFiles(_directory, "*.tmp"));
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static IEnumerable<string> Names(JsonElement value) => value.EnumerateObject().Select(field => field.Name);
}
