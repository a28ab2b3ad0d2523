using System.CommandLine;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.Cli.Measurement;
using LayerSkip.Cli.Prompts;
using LayerSkip.Cli.Reports;
using LayerSkip.Engine;
using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Decoding;

namespace LayerSkip.Cli.Commands;

/// <summary><c>layerskip generate</c>: one prompt, one answer.</summary>
internal sealed class GenerateCommand
{
    private readonly Terminal _terminal;
    private readonly ModelArguments _model = new();
    private readonly DecodingArguments _decoding = new();

    private readonly Option<string> _prompt = new("--prompt")
    {
        HelpName = "TEXT", Description = "The prompt; - reads the standard input.", Required = true,
    };

    private readonly Option<bool> _chat = new("--chat")
    {
        Description = "The prompt is a user's message, rendered with the checkpoint's chat template (default: plain text).",
    };

    private readonly Option<bool> _grounded = GroundedOption.Create("; with --chat");

    private readonly Option<bool> _compare = new("--compare")
    {
        Description = "Then answer the prompt in both modes in turn, after a warm-up, and say what self-speculation saves; takes a second or two (default: only answer).",
    };

    private readonly Option<bool> _json = new("--json")
    {
        Description = "Print one JSON object instead of the text (default: text as it comes, statistics on the error output).",
    };

    private GenerateCommand(Terminal terminal) => _terminal = terminal;

    public static Command Create(Terminal terminal)
    {
        var generate = new GenerateCommand(terminal);
        var command = new Command("generate", "Generate text from a prompt.") { generate._prompt, generate._chat };
        generate._model.AddTo(command);
        generate._decoding.AddTo(command);
        command.Add(generate._grounded);
        command.Add(generate._compare);
        command.Add(generate._json);
        command.SetAction(generate.Run);
        return command;
    }

    private int Run(ParseResult arguments)
    {
        var prompt = arguments.GetRequiredValue(_prompt);

        // A pipe's last line end is the shell's, not the prompt's.
        prompt = prompt == "-" ? WithoutLineEnd(_terminal.ReadAll("--prompt")) : prompt;
        if (prompt.Length == 0)
        {
            throw new UsageException("--prompt is empty, expected some text");
        }

        // Behind plain text white space is something to go on from; a message of it says nothing.
        if (arguments.GetValue(_chat) && string.IsNullOrWhiteSpace(prompt))
        {
            throw new UsageException("--prompt is white space alone, expected a message with --chat");
        }

        if (arguments.GetValue(_grounded))
        {
            CheckGroundable(prompt, arguments.GetValue(_chat));
        }

        using var model = _model.Load(arguments, _terminal);
        var ids = Encode(arguments, model, prompt);
        if (ids.Length == 0 || ids.Length >= model.Config.MaxPositions)
        {
            throw new UsageException(
                $"--prompt has {ids.Length} tokens, expected at least 1 and fewer than the model's context of {model.Config.MaxPositions}");
        }

        var options = _decoding.Read(arguments, model, _terminal);
        Func<TokenConstraint>? constrain = arguments.GetValue(_grounded) ? () => GroundedOption.Constrain("--prompt", prompt, model.Tokenizer) : null;
        var compares = arguments.GetValue(_compare);
        if (compares)
        {
            CheckComparable(model, options);
        }

        var drafting = compares ? options with { Mode = DecodingMode.SelfSpeculative } : options;
        _decoding.NoteUnusedDrafting(arguments, model, drafting, _terminal);

        using var generation = model.Generate(ids, options with { Constraint = constrain?.Invoke() });
        ComparisonReport? comparison;
        if (arguments.GetValue(_json))
        {
            var bytesPerToken = Finish(generation);
            comparison = compares ? Compare(model, ids, options, constrain) : null;
            WriteJson(model, generation, ids, bytesPerToken, comparison);
        }
        else
        {
            WriteText(model, generation, arguments.GetValue(_chat) ? new AnswerStart() : null);
            if (StatisticsText.WhyCut(generation, model.Config.MaxPositions) is { } cut)
            {
                _terminal.Note(cut);
            }

            if (StatisticsText.WhyFewDrafts(generation, compares) is { } reason)
            {
                _terminal.Note(reason);
            }

            comparison = compares ? Compare(model, ids, options, constrain) : null;
            if (comparison is not null)
            {
                _terminal.Error.WriteLine(comparison.Describe());
                if (StatisticsText.WhyNoneAccepted(comparison, model.Plan(drafting).Controller) is { } why)
                {
                    _terminal.Note(why);
                }
            }
        }

        return comparison is { Identical: false } ? CommandLine.Mismatch : CommandLine.Success;
    }

    private static string WithoutLineEnd(string text) =>
        text.EndsWith("\r\n", StringComparison.Ordinal) ? text[..^2] : text.EndsWith('\n') ? text[..^1] : text;

    private static void CheckGroundable(string prompt, bool isMessage)
    {
        if (!isMessage)
        {
            throw new UsageException("--grounded holds the answer to what a message says, expected --chat with it");
        }

        GroundedOption.Require("--prompt", prompt);
    }

    private static void CheckComparable(LayerSkipModel model, DecodingOptions options)
    {
        if (options.Mode == DecodingMode.EarlyExit)
        {
            throw new UsageException("--compare is of autoregressive and self-speculative decoding, expected no --mode early-exit with it");
        }

        if (model.Config.Layers < 2)
        {
            throw new UsageException($"--compare: {model.Name} has one layer, expected at least 2: there is nothing to exit from");
        }
    }

    private ComparisonReport Compare(LayerSkipModel model, int[] prompt, DecodingOptions options, Func<TokenConstraint>? constrain) => Loading.Run(
        _terminal, "Comparing", (progress, cancellation) => PromptComparison.Measure(model, prompt, options, constrain, progress, cancellation));

    private int[] Encode(ParseResult arguments, LayerSkipModel model, string prompt) =>
        arguments.GetValue(_chat)
            ? ChatPrompt.Load(arguments.GetRequiredValue(_model.Directory), model.Tokenizer, _terminal)
                .Encode([new TemplateMessage { Role = "user", Content = prompt }])
            : model.Tokenizer.Encode(prompt);

    // What continues a plain prompt is shown to the character, an answer without its leading space.
    private void WriteText(LayerSkipModel model, Generation generation, AnswerStart? start)
    {
        var text = model.Tokenizer.CreateDetokenizer();
        try
        {
            while (generation.NextRound(_terminal.Interrupt.Command))
            {
                _terminal.WriteAnswer(Shown(text.Append(generation.RoundTokens)));
            }
        }
        finally
        {
            // Where not even a round has come, there is nothing to tell but why.
            if (generation.Statistics.Rounds > 0)
            {
                _terminal.WriteAnswer(Shown(text.Flush()) + Environment.NewLine);
                _terminal.Error.WriteLine(StatisticsText.Of(generation));
            }
        }

        string Shown(string next) => start?.Of(next) ?? next;
    }

    /// <summary>Generates all of it, and says what a token allocated.</summary>
    private double Finish(Generation generation)
    {
        var allocations = new AllocationMeter();
        while (allocations.NextRound(generation, _terminal.Interrupt.Command))
        {
        }

        return allocations.BytesPerToken;
    }

    private void WriteJson(LayerSkipModel model, Generation generation, int[] prompt, double bytesPerToken, ComparisonReport? comparison)
    {
        var text = model.Tokenizer.CreateDetokenizer();
        var report = new GenerateReport(
            model.Name,
            ModeName.Of(generation.Mode),
            generation.Mode == DecodingMode.Autoregressive ? null : generation.ExitLayer,
            generation.Mode == DecodingMode.SelfSpeculative ? generation.NumSpeculations : null,
            generation.PromptTokens,
            prompt,
            generation.Output.ToArray(),
            text.Append(generation.Output) + text.Flush(),
            generation.FinishReason is FinishReason.Stop or FinishReason.Complete ? "stop" : "length",
            StatisticsReport.Of(generation.Statistics, bytesPerToken),
            comparison);
        ReportJson.Write(_terminal.Out, report, ReportJson.Instance.GenerateReport);
    }
}
