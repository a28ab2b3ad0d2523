using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Requests;
using LayerSkip.Cli.Evaluation;
using LayerSkip.Engine;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Cli.Prompts;

/// <summary>Prompts to measure on, from files of several kinds, as a model's token ids.</summary>
internal static class PromptSource
{
    /// <summary>What is measured on where nobody says: short requests of several kinds.</summary>
    public static IReadOnlyList<string> Samples { get; } =
    [
        "Turn off alarms",
        "remind me to call mom at 5 pm",
        "what is the weather like in Paris tomorrow",
        "How long does it take to drive to work?",
        "Play some jazz from the sixties",
        "Send a message to Anna that I will be ten minutes late",
        "Set a timer for twenty minutes",
        "Are there any concerts in town this weekend?",
        "Write one sentence about the sea.",
        "List the days of the week.",
        "The quick brown fox jumps over the lazy dog, and then",
        "Once upon a time there was a little girl who",
    ];

    /// <summary>Reads a file's prompts: TOPv2's <c>.tsv</c>, the lines of a <c>.txt</c>, or <c>{"prompt"}</c> a line of a <c>.jsonl</c>.</summary>
    /// <param name="option">The option that named the file, for errors.</param>
    /// <param name="path">The file.</param>
    /// <param name="field">The field of JSON lines that holds the prompt.</param>
    /// <exception cref="UsageException">The file cannot be read, holds no prompt, or a line is wrong; the message names file and line.</exception>
    public static IReadOnlyList<string> Read(string option, string path, string field = "prompt")
    {
        IReadOnlyList<string> prompts = Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".tsv" => [.. EvaluationFile.Read(option, path).Select(row => row.Prompt)],
            ".txt" => [.. InputText.ReadLines(option, path).Select(line => line.Text)],
            ".jsonl" => PromptFile.Read(option, path, field),
            _ => throw EvaluationFile.UnknownEnding(option, path, needsResponse: false),
        };
        return prompts.Count > 0 ? prompts : throw new UsageException($"{option} {path}: holds no prompt");
    }

    /// <summary>Encodes prompts.</summary>
    /// <param name="prompts">The texts.</param>
    /// <param name="model">The model, with its tokenizer.</param>
    /// <param name="chat">Renders each as a user's message; null: they are plain text.</param>
    /// <exception cref="UsageException">A prompt is empty, or does not fit into the model's context.</exception>
    public static int[][] Encode(IReadOnlyList<string> prompts, LayerSkipModel model, PromptEncoder? chat) =>
        [.. prompts.Select((prompt, index) =>
        {
            var ids = chat?.Encode([new TemplateMessage { Role = "user", Content = prompt }]) ?? model.Tokenizer.Encode(prompt);
            return ids.Length > 0 && ids.Length < model.Config.MaxPositions
                ? ids
                : throw new UsageException(
                    $"prompt {index + 1}, {ErrorText.Quote(prompt)}, has {ids.Length} tokens, expected at least 1 and fewer than the model's context of {model.Config.MaxPositions}");
        })];
}
