using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Scheduling;
using LayerSkip.Tests;
using Microsoft.Extensions.AI;

namespace LayerSkip.AI.Tests;

/// <summary>Checkpoints with tokenizers, and short ways to ask them.</summary>
internal static class TestModels
{
    /// <summary>The trained semantic parser that comes with the repository: 12 layers, LayerSkip defaults, a chat template without system role.</summary>
    public static string ParserPath { get; } = Path.Combine(SharedData.RepositoryRoot, "models", "topv2-parser");

    public static LayerSkipChatClient LoadParser() => LayerSkipChatClient.Load(ParserPath);

    /// <summary>A random model of four layers that never ends of itself, with the parser's tokenizer and no chat template.</summary>
    public static TinyCheckpoint WriteEndless(int maxPositions = 100_000, GenerationDefaults? generation = null)
    {
        var checkpoint = TinyCheckpoint.Write(
            TinyCheckpoint.DefaultConfig with { VocabularySize = 2400, MaxPositions = maxPositions }, generation: generation);
        File.Copy(Path.Combine(ParserPath, "tokenizer.json"), checkpoint.PathOf("tokenizer.json"));
        return checkpoint;
    }

    public static ChatMessage[] User(string text) => [new(ChatRole.User, text)];

    public static async Task<List<ChatResponseUpdate>> Updates(
        this IChatClient client, string text, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        var updates = new List<ChatResponseUpdate>();
        await foreach (var update in client.GetStreamingResponseAsync(User(text), options, cancellationToken))
        {
            updates.Add(update);
        }

        return updates;
    }

    public static async Task<string> Answer(this IChatClient client, string text, ChatOptions? options = null) =>
        (await client.GetResponseAsync(User(text), options)).Text;

    /// <summary>The text of contents, calls left out.</summary>
    public static string Text(this IEnumerable<AIContent> contents) => string.Concat(contents.OfType<TextContent>().Select(content => content.Text));

    public static LayerSkipEngine Engine(this IChatClient client) => (LayerSkipEngine)client.GetService(typeof(LayerSkipEngine))!;
}
