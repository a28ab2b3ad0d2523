using System.CommandLine;
using LayerSkip.Cli.Reports;
using LayerSkip.Cli.Reports.Plots;
using LayerSkip.Cli.Tuning;

namespace LayerSkip.Cli.Commands;

/// <summary><c>layerskip tune</c>: finds the exit layer and speculation length that are fastest here, and writes them into the checkpoint.</summary>
internal sealed class TuneCommand
{
    private const int DefaultCandidates = 4;
    private const int DefaultRuns = 5;
    private const int DefaultSeconds = 20;

    private readonly Terminal _terminal;
    private readonly ModelArguments _model = new();
    private readonly PromptArguments _prompts = new();

    private readonly Option<int?> _candidates = CheckedOption.Integer(
        "--candidates", "N", $"Settings to measure, of all that are predicted; the checkpoint's own and the controller auto are measured besides (default: {DefaultCandidates}).", 1, 1000);

    private readonly Option<int?> _runs = CheckedOption.Integer("--runs", "N", $"Measured runs of each, after a warm-up (default: {DefaultRuns}).", 1, 10_000);

    private readonly Option<int?> _seconds = CheckedOption.Integer(
        "--seconds", "S", $"About how long each step (answers, costs, runs) may take; where it is short, fewer prompts are used (default: {DefaultSeconds}).", 1, 86_400);

    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "Write nothing." };

    private readonly Option<string?> _html = new("--html") { HelpName = "FILE", Description = "Also write a page with plots (default: none)." };

    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON object (default: tables)." };

    private TuneCommand(Terminal terminal) => _terminal = terminal;

    public static Command Create(Terminal terminal)
    {
        var tune = new TuneCommand(terminal);
        var command = new Command("tune", "Find the exit layer, the speculation length and the weights for drafts that are fastest on this machine, and write them into the checkpoint.");
        tune._model.AddTo(command);
        tune._prompts.AddTo(command);
        foreach (var option in (Option[])[tune._candidates, tune._runs, tune._seconds, tune._dryRun, tune._html, tune._json])
        {
            command.Add(option);
        }

        command.SetAction(tune.Run);
        return command;
    }

    private int Run(ParseResult arguments)
    {
        var html = arguments.GetValue(_html);
        if (html is not null)
        {
            OutputFile.Check("--html", html, arguments, _prompts.Data, _model.Directory);
        }

        var texts = _prompts.Read(arguments, _terminal);
        var directory = arguments.GetRequiredValue(_model.Directory);
        var writes = !arguments.GetValue(_dryRun);
        if (writes && File.Exists(directory))
        {
            throw new UsageException($"--model {directory}: is a file, expected a checkpoint's directory, whose generation_config.json is to be written; --dry-run writes nothing");
        }

        if (writes && Directory.Exists(directory))
        {
            OutputFile.CheckDirectory("--model", directory);
        }

        using var model = _model.Load(arguments, _terminal);
        if (model.Config.Layers < 2)
        {
            throw new UsageException($"{model.Name} has one layer, expected at least 2: there is nothing to exit from");
        }

        var settings = new TuneSettings(
            _prompts.Encode(arguments, texts, model, directory, _terminal),
            _prompts.MaxTokens(arguments, model),
            arguments.GetValue(_candidates) ?? DefaultCandidates,
            arguments.GetValue(_runs) ?? DefaultRuns,
            arguments.GetValue(_seconds) ?? DefaultSeconds);
        var result = Loading.Run(_terminal, "Tuning", new Tuner(model, settings).Run);
        var report = TuneReports.Create(model, settings, result);
        if (writes && report.Mismatches == 0)
        {
            report = report with { Written = CheckpointDefaults.Write(directory, result.DefaultsOf(model)) };
        }

        if (html is not null)
        {
            Page.Write(html, TunePage.Create(report, result.Predictions));
        }

        if (arguments.GetValue(_json))
        {
            ReportJson.Write(_terminal.Out, report, ReportJson.Instance.TuneReport);
        }
        else
        {
            TuneTables.Write(_terminal.OutConsole, report);
        }

        return report.Mismatches == 0 ? CommandLine.Success : CommandLine.Mismatch;
    }
}
