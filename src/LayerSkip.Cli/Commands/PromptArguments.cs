using System.CommandLine;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Requests;
using LayerSkip.Cli.Evaluation;
using LayerSkip.Cli.Prompts;
using LayerSkip.Engine;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Cli.Commands;

/// <summary>The options that say what prompts to measure on.</summary>
internal sealed class PromptArguments
{
    private const int DefaultLimit = 50;
    private const int DefaultMaxTokens = 128;
    private const int DefaultSeed = 1;

    /// <summary>The prompts' files.</summary>
    public Option<string[]> Data { get; } = CheckedOption.Files(
        "--data", "Prompts: TOPv2's .tsv, .jsonl with {\"prompt\"} a line, .txt with one a line (default: a dozen built-in ones).");

    private readonly Option<int?> _limit = CheckedOption.Integer("--limit", "N", $"Most prompts of a file, spread evenly over it (default: {DefaultLimit}).", 1);

    private readonly Option<int?> _seed = CheckedOption.Integer("--seed", "S", $"Chooses where the even spreads begin (default: {DefaultSeed}).", 0);

    private readonly Option<bool> _plain = new("--plain")
    {
        Description = "Prompts are plain text to continue (default: users' messages, where the checkpoint has a chat template).",
    };

    private readonly Option<int?> _maxTokens = CheckedOption.Integer(
        "--max-tokens", "N", $"Most tokens of an answer (default: the checkpoint's max_new_tokens, else {DefaultMaxTokens}).", 2);

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[Data, _limit, _seed, _plain, _maxTokens])
        {
            command.Add(option);
        }
    }

    /// <summary>Reads the files, before anything is loaded.</summary>
    /// <exception cref="UsageException">A file or a line is wrong.</exception>
    public IReadOnlyList<string> Read(ParseResult arguments, Terminal terminal)
    {
        if (arguments.GetResult(Data) is null)
        {
            terminal.NoteUnused(arguments, "all of the built-in prompts are taken; --data names others", _limit, _seed);
            return PromptSource.Samples;
        }

        var seed = arguments.GetValue(_seed) ?? DefaultSeed;
        return
        [
            .. arguments.GetRequiredValue(Data).SelectMany(path =>
            {
                var prompts = PromptSource.Read("--data", path);
                return RowSample.Spread(prompts.Count, arguments.GetValue(_limit) ?? DefaultLimit, seed).Select(row => prompts[row]);
            }),
        ];
    }

    /// <summary>Encodes the prompts for a model.</summary>
    /// <exception cref="UsageException">A prompt does not fit into its context.</exception>
    public int[][] Encode(ParseResult arguments, IReadOnlyList<string> prompts, LayerSkipModel model, string directory, Terminal terminal)
    {
        var isPlain = arguments.GetValue(_plain);
        if (isPlain && HasNoTemplate(directory))
        {
            terminal.NoteUnused(arguments, $"{directory} has no chat template, without which prompts are plain text anyway", _plain);
        }

        // Not parsed where it is not used: plain prompts are the way around one that cannot be.
        var template = isPlain ? null : ChatTemplate.LoadFrom(directory);
        return PromptSource.Encode(prompts, model, template is null ? null : new PromptEncoder(template, model.Tokenizer));
    }

    /// <summary>Whether a checkpoint has no chat template. One that cannot be read is one.</summary>
    private static bool HasNoTemplate(string directory)
    {
        try
        {
            return ChatTemplateFiles.Read(directory).Template is null;
        }
        catch (CheckpointException)
        {
            return false;
        }
    }

    public int MaxTokens(ParseResult arguments, LayerSkipModel model) =>
        arguments.GetValue(_maxTokens) ?? model.Defaults.MaxNewTokens ?? DefaultMaxTokens;
}
