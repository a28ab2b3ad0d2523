using System.CommandLine;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.Cli.Commands;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Cli;

/// <summary>The tool's command line: parses, runs, and turns every failure into one line and an exit code.</summary>
internal static class CommandLine
{
    public const int Success = 0;

    /// <summary>Self-speculative decoding gave other tokens than autoregressive decoding, or a GPU other results than the CPU.</summary>
    public const int Mismatch = 1;

    /// <summary>What was asked for cannot be done: a bad option, file, checkpoint or prompt.</summary>
    public const int BadInput = 2;

    /// <summary>Ended by Ctrl-C, 128 + SIGINT, or by SIGTERM, which is taken alike.</summary>
    public const int Interrupted = 130;

    /// <summary>Ended since nobody reads its output any more: 128 + SIGPIPE, without a word.</summary>
    public const int OutputClosed = 141;

    /// <summary>Runs the tool.</summary>
    /// <param name="args">The arguments, without the program's name.</param>
    /// <param name="terminal">What it reads from and writes to.</param>
    /// <returns>The exit code.</returns>
    public static int Invoke(string[] args, Terminal terminal)
    {
        var arguments = Parse(args, terminal);
        var isHelp = arguments.Action is { ClearsParseErrors: true };

        // Its help would be the tool's own, as if nothing were wrong.
        var isUnknownCommand = arguments.CommandResult.Command is RootCommand && arguments.UnmatchedTokens.Count > 0;
        if (isUnknownCommand || (arguments.Errors.Count > 0 && !isHelp))
        {
            return Fail(terminal, $"{ParseErrors.Describe(arguments)}; see {ParseErrors.PathOf(arguments.CommandResult)} --help");
        }

        try
        {
            return arguments.Invoke(new InvocationConfiguration
            {
                Output = terminal.Out,
                Error = terminal.Error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            });
        }
        catch (OperationCanceledException)
        {
            return Interrupted;
        }
        catch (OutputClosedException)
        {
            return OutputClosed;
        }
        catch (Exception e) when (e is UsageException or CheckpointException or ChatTemplateException or ArgumentException
            or ConstraintException
            or InvalidDataException or IOException or UnauthorizedAccessException or NotSupportedException or DeviceException)
        {
            return Fail(terminal, PathOptions.Name(e is ArgumentException argument ? DescribeArgument(argument) : e.Message, arguments));
        }
        catch (OutOfMemoryException)
        {
            return Fail(terminal, "not enough memory; 'layerskip inspect' says how much a checkpoint needs");
        }
    }

    /// <summary>Reads a command line.</summary>
    public static ParseResult Parse(IReadOnlyList<string> args, Terminal terminal)
    {
        var root = CreateRoot(terminal);
        ExamplesHelp.AddTo(root);
        foreach (var command in root.Subcommands)
        {
            PathOptions.RefuseEmpty(command);
        }

        // Prompts may begin with '@' or '-': neither response files nor bundled options.
        return root.Parse(args, new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = null });
    }

    private static RootCommand CreateRoot(Terminal terminal) =>
        new("Early-exit and self-speculative decoding of LayerSkip checkpoints.")
        {
            GenerateCommand.Create(terminal),
            ChatCommand.Create(terminal),
            TokenizeCommand.Create(terminal),
            TemplateCommand.Create(terminal),
            InspectCommand.Create(terminal),
            ExportCommand.Create(terminal),
            QuantizeCommand.Create(terminal),
            BenchCommand.Create(terminal),
            SweepCommand.Create(terminal),
            TuneCommand.Create(terminal),
            TrainTokenizerCommand.Create(terminal),
            CorrectnessCommand.Create(terminal),
            EvalCommand.Create(terminal),
            TrainCommand.Create(terminal),
            LabelCommand.Create(terminal),
            PlotCommand.Create(terminal),
            DevicesCommand.Create(terminal),
            SelfTestCommand.Create(terminal),
        };

    private static int Fail(Terminal terminal, string message)
    {
        try
        {
            terminal.Error.WriteLine($"layerskip: {VisibleText.Line(message.ReplaceLineEndings(" "))}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Nobody listens; the exit code says that much.
        }

        return BadInput;
    }

    /// <summary>The libraries' messages without .NET's additions: "(Parameter 'options')", and "Actual value was 99." on a line of its own.</summary>
    public static string DescribeArgument(ArgumentException exception)
    {
        var message = exception.Message;
        var addition = message.IndexOf(" (Parameter '", StringComparison.Ordinal);
        message = addition < 0 ? message : message[..addition];
        return exception is ArgumentOutOfRangeException { ActualValue: { } value }
            ? FormattableString.Invariant($"{message.TrimEnd('.')}; found {value}")
            : message;
    }
}
