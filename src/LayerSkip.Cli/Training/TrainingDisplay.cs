using System.Diagnostics;
using System.Globalization;
using LayerSkip.Cli.Reports;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace LayerSkip.Cli.Training;

/// <summary>Shows a run on the error output: a table that is kept up to date on a terminal, a line every so often elsewhere.</summary>
internal sealed class TrainingDisplay
{
    private const int ExitsPerRow = 8;

    private static readonly TimeSpan s_refresh = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan s_line = TimeSpan.FromSeconds(15);

    private readonly Terminal _terminal;
    private readonly LiveDisplayContext? _live;
    private long _shown;

    private TrainingDisplay(Terminal terminal, LiveDisplayContext? live) => (_terminal, _live) = (terminal, live);

    /// <summary>Runs something that shows its progress.</summary>
    public static T Run<T>(Terminal terminal, Func<TrainingDisplay, T> train) =>
        terminal.IsErrorStyled
            ? terminal.ErrorConsole.Live(Text.Empty).Start(context => train(new TrainingDisplay(terminal, context)))
            : train(new TrainingDisplay(terminal, live: null));

    /// <summary>Shows where the run stands, unless it did a moment ago.</summary>
    public void Show(TrainingProgress progress)
    {
        if (_shown != 0 && Stopwatch.GetElapsedTime(_shown) < (_live is null ? s_line : s_refresh) && progress.Step < progress.Steps)
        {
            return;
        }

        _shown = Stopwatch.GetTimestamp();
        if (_live is not null)
        {
            _live.UpdateTarget(Table(progress));
        }
        else
        {
            _terminal.Error.WriteLine(Line(progress));
        }
    }

    /// <summary>Writes a line that stays.</summary>
    public void Note(string text)
    {
        if (_live is not null)
        {
            // Up to the edge: the table stood in this line, and is drawn anew below it.
            _terminal.ErrorConsole.WriteLine(VisibleText.Line(text).PadRight(_terminal.ErrorConsole.Profile.Width - 1));
        }
        else
        {
            // A terminal has written what was typed, Ctrl-C, into this line.
            var begin = _terminal.IsErrorInteractive && _terminal.Interrupt.Command.IsCancellationRequested ? Environment.NewLine : "";
            _terminal.Error.WriteLine(begin + VisibleText.Line(text));
        }
    }

    private static string Line(TrainingProgress p) =>
        FormattableString.Invariant($"step {p.Step}/{p.Steps}, epoch {p.Epoch:0.00}: loss {p.Losses[p.Depth - 1]:0.000}") +
        $"{(Exits(p).Any() ? "; exits " + string.Join(' ', Exits(p)) : "")}; {Speed(p)}; {Schedule(p)}; {Memory(p)}; {Duration(p.Remaining)} left";

    private static Grid Table(TrainingProgress p)
    {
        var grid = new Grid().AddColumn().AddColumn();
        void Add(string name, string value) => grid.AddRow((IRenderable)new Text(name), new Text(value));
        Add("step", FormattableString.Invariant($"{p.Step:N0} of {p.Steps:N0} ({(double)p.Step / p.Steps:P1}), epoch {p.Epoch:0.00}, {Duration(p.Remaining)} left"));
        Add("loss", FormattableString.Invariant($"{p.Losses[p.Depth - 1]:0.000}{(p.Depth == p.Losses.Count ? " at full depth" : FormattableString.Invariant($" at the {p.Depth} layers that there are"))}"));
        foreach (var (index, exits) in Exits(p).Chunk(ExitsPerRow).Index())
        {
            Add(index == 0 ? "loss by exit" : "", string.Join("  ", exits));
        }

        Add("schedule", Schedule(p));
        Add("speed", Speed(p));
        Add("memory", Memory(p));
        return grid;
    }

    /// <summary>The exits before the last that have had a loss: <c>3:0.412</c>.</summary>
    private static IEnumerable<string> Exits(TrainingProgress p) =>
        p.Losses.Take(p.Depth - 1).Index().Where(loss => !double.IsNaN(loss.Item)).Select(loss => FormattableString.Invariant($"{loss.Index + 1}:{loss.Item:0.000}"));

    private static string Speed(TrainingProgress p) =>
        FormattableString.Invariant($"{p.TokensPerSecond:N0} tokens/s, {Quantity.Count(p.FlopsPerSecond)}FLOPS ({p.PeakShare:P0} of FMA peak)");

    private static string Schedule(TrainingProgress p) =>
        FormattableString.Invariant($"learning rate {p.LearningRate:0.00e0}, dropout {p.MaxDropout:0.000}, gradient norm {p.GradientNorm:0.00}");

    private static string Memory(TrainingProgress p) => $"{Quantity.Bytes(p.Bytes)} of training, {Quantity.Bytes(p.ProcessBytes)} of the process";

    /// <summary><c>2 h 05 min</c>, <c>7 min</c>, <c>41 s</c>.</summary>
    public static string Duration(TimeSpan time) =>
        time.TotalHours >= 1 ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours} h {time.Minutes:00} min")
            : time.TotalMinutes >= 2 ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalMinutes:0} min")
            : string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0} s");
}
