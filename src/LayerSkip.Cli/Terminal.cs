using System.CommandLine;
using Spectre.Console;

namespace LayerSkip.Cli;

/// <summary>What a command reads from and writes to. Where an output is not a terminal, no control sequence is written to it.</summary>
internal sealed class Terminal
{
    private const int UnboundedWidth = 1000;

    public Terminal(TextWriter output, TextWriter error, TextReader input, Interrupt interrupt)
    {
        Out = output;
        Error = error;
        In = input;
        Interrupt = interrupt;
    }

    /// <summary>Results go here.</summary>
    public TextWriter Out { get; }

    /// <summary>Errors, statistics and progress go here.</summary>
    public TextWriter Error { get; }

    public TextReader In { get; }

    public Interrupt Interrupt { get; }

    /// <summary>Someone types at <see cref="In"/>.</summary>
    public bool IsInputInteractive { get; init; }

    /// <summary><see cref="Out"/> is a terminal.</summary>
    public bool IsOutputInteractive { get; init; }

    /// <summary><see cref="Error"/> is a terminal.</summary>
    public bool IsErrorInteractive { get; init; }

    /// <summary>Tables and colours on <see cref="Out"/>.</summary>
    public IAnsiConsole OutConsole
    {
        get => field ??= CreateConsole(Out, IsOutputInteractive);
        init;
    }

    /// <summary>Progress on <see cref="Error"/>.</summary>
    public IAnsiConsole ErrorConsole => field ??= CreateConsole(Error, IsErrorInteractive);

    /// <summary>The process's own terminal.</summary>
    public static Terminal OfProcess(Interrupt interrupt) => new(Console.Out, Console.Error, Console.In, interrupt)
    {
        IsInputInteractive = !Console.IsInputRedirected,
        IsOutputInteractive = !Console.IsOutputRedirected,
        IsErrorInteractive = !Console.IsErrorRedirected,
    };

    /// <summary>Reads from <see cref="In"/>. Reading cannot be cancelled, but waiting for it can.</summary>
    /// <exception cref="OperationCanceledException">Ctrl-C.</exception>
    public T Read<T>(Func<TextReader, T> read) =>
        Task.Run(() => read(In)).WaitAsync(Interrupt.Command).GetAwaiter().GetResult();

    /// <summary>Writes a line that the user should know but that ends nothing, to <see cref="Error"/>.</summary>
    public void Note(string message) => Error.WriteLine($"layerskip: note: {VisibleText.Line(message)}");

    /// <summary>Says of those options that were given that they have no effect, and why: nobody should believe that they did something.</summary>
    public void NoteUnused(ParseResult arguments, string reason, params IEnumerable<Option> options)
    {
        string[] given = [.. options.Where(option => arguments.GetResult(option) is { Implicit: false }).Select(option => option.Name)];
        if (given.Length > 0)
        {
            Note($"{string.Join(given.Length == 2 ? " and " : ", ", given)} {(given.Length == 1 ? "has" : "have")} no effect: {reason}");
        }
    }

    /// <summary>Writes text that comes from a model, at once.</summary>
    public void WriteAnswer(string text)
    {
        Out.Write(IsOutputInteractive ? VisibleText.Of(text) : text);
        Out.Flush();
    }

    private static IAnsiConsole CreateConsole(TextWriter writer, bool interactive)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            // "Detect" would also say yes to some build servers' logs.
            Ansi = interactive ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = interactive ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = interactive ? InteractionSupport.Yes : InteractionSupport.No,
            Out = new AnsiConsoleOutput(interactive ? writer : new TrimmedLinesWriter(writer)),
        });
        if (!interactive)
        {
            // A file has no width: nothing may be wrapped, or it could not be searched.
            console.Profile.Width = UnboundedWidth;
        }

        return console;
    }
}
