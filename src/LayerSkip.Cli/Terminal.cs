using System.CommandLine;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Spectre.Console;

namespace LayerSkip.Cli;

/// <summary>What a command reads from and writes to. Where an output is not a terminal, no control sequence is written to it.</summary>
internal sealed class Terminal
{
    private const int UnboundedWidth = 1000;
    private const nint StandardOutput = 1;

    private readonly Stream _input;

    /// <param name="output">Results go here.</param>
    /// <param name="error">Errors, statistics and progress go here.</param>
    /// <param name="input">The standard input: UTF-8.</param>
    /// <param name="interrupt">Ctrl-C.</param>
    public Terminal(TextWriter output, TextWriter error, Stream input, Interrupt interrupt)
    {
        Out = output;
        Error = error;
        _input = input;
        Interrupt = interrupt;
    }

    /// <summary>Results go here.</summary>
    public TextWriter Out { get; }

    /// <summary>Errors, statistics and progress go here.</summary>
    public TextWriter Error { get; }

    public Interrupt Interrupt { get; }

    /// <summary>Someone types at the standard input.</summary>
    public bool IsInputInteractive { get; init; }

    /// <summary><see cref="Out"/> is a terminal.</summary>
    public bool IsOutputInteractive { get; init; }

    /// <summary><see cref="Error"/> is a terminal.</summary>
    public bool IsErrorInteractive { get; init; }

    /// <summary><see cref="Out"/> is a terminal that shows colours and the like.</summary>
    public bool IsOutputStyled => IsOutputInteractive && OutConsole.Profile.Capabilities.Ansi;

    /// <summary><see cref="Error"/> is a terminal on which what stands there can be drawn anew.</summary>
    public bool IsErrorStyled => IsErrorInteractive && ErrorConsole.Profile.Capabilities.Ansi;

    /// <summary>Tables and colours on <see cref="Out"/>.</summary>
    public IAnsiConsole OutConsole
    {
        get => field ??= CreateConsole(Out, IsOutputInteractive);
        init;
    }

    /// <summary>Progress on <see cref="Error"/>.</summary>
    public IAnsiConsole ErrorConsole => field ??= CreateConsole(Error, IsErrorInteractive);

    /// <summary>Lines of the standard input.</summary>
    private TextReader Lines
    {
        get => field ??= new StreamReader(_input, Encoding.UTF8);
        init;
    }

    /// <summary>The process's own terminal.</summary>
    public static Terminal OfProcess(Interrupt interrupt)
    {
        var (input, typed) = (Console.OpenStandardInput(), !Console.IsInputRedirected);
        return new(new NamedWriter(OpenOutput(), "standard output"), Console.Error, typed ? Encoding.CreateTranscodingStream(input, Console.InputEncoding, Encoding.UTF8) : input, interrupt)
        {
            // Lines can be edited as they are typed; a text of many lines is none of .NET's business, whose reader takes Enter for a carriage return.
            Lines = typed ? Console.In : new StreamReader(input),
            IsInputInteractive = typed,
            IsOutputInteractive = !Console.IsOutputRedirected,
            IsErrorInteractive = !Console.IsErrorRedirected,
        };
    }

    /// <summary>The next line of the standard input; null at its end. Reading cannot be cancelled, but waiting for it can.</summary>
    /// <exception cref="OperationCanceledException">Ctrl-C.</exception>
    public string? ReadLine() => Wait(() => Lines.ReadLine());

    /// <summary>All of the standard input; what is typed ends with Ctrl-D.</summary>
    /// <param name="option">The option that named it, for errors.</param>
    /// <exception cref="UsageException">It is too long or not UTF-8.</exception>
    /// <exception cref="OperationCanceledException">Ctrl-C.</exception>
    public string ReadAll(string option) => Wait(() => InputText.Read(_input, $"{option} -"));

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

    /// <summary>The standard output. Where it is a pipe, one that says when its reader has left: .NET's own would go on writing to nobody.</summary>
    private static TextWriter OpenOutput()
    {
        if (Console.IsOutputRedirected && !OperatingSystem.IsWindows())
        {
            var stream = new FileStream(new SafeFileHandle(StandardOutput, ownsHandle: false), FileAccess.Write, bufferSize: 0);
            if (!stream.CanSeek)
            {
                return TextWriter.Synchronized(new StreamWriter(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { AutoFlush = true });
            }
        }

        return Console.Out;
    }

    private T Wait<T>(Func<T> read) => Task.Run(read).WaitAsync(Interrupt.Command).GetAwaiter().GetResult();

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
