using System.CommandLine;
using LayerSkip.Cli.Measurement;
using LayerSkip.Cli.Reports;
using LayerSkip.Cli.Reports.Plots;
using LayerSkip.Cli.Sweeping;
using LayerSkip.Engine;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Cli.Commands;

/// <summary><c>layerskip sweep</c>: every exit layer with every speculation length, on the same prompts, into a file that a later run goes on with.</summary>
internal sealed class SweepCommand
{
    private const int DefaultRuns = 3;

    private static readonly int[] s_defaultSpeculations = [1, 2, 3, 4, 6, 8, 12, 16];

    private readonly Terminal _terminal;
    private readonly ModelArguments _model = new();
    private readonly PromptArguments _prompts = new();

    private readonly Option<IReadOnlyList<int>?> _exitLayers = CheckedOption.Integers(
        "--exit-layer", "all|E,E..E", "Exit layers of the draft, 1..L-1, with coarse --draft-weights 1..L (default: all).", 1, all: "all");

    private readonly Option<DraftWeights?> _draftWeights = DecodingArguments.WeightsOption();

    private readonly Option<IReadOnlyList<int>?> _numSpeculations = CheckedOption.Integers(
        "--num-speculations", "D,D..D", $"Most tokens drafted in a round (default: {string.Join(',', s_defaultSpeculations)}).", 1, DecodingArguments.MostSpeculations);

    private readonly Option<int?> _runs = CheckedOption.Integer("--runs", "N", $"Measured runs of each cell, after a warm-up (default: {DefaultRuns}).", 1, 10_000);

    private readonly Option<string> _output = new("--output") { HelpName = "FILE", Description = "The CSV file; cells that it holds are not measured again.", Required = true };

    private readonly Option<string?> _html = new("--html") { HelpName = "FILE", Description = "The page with heat maps (default: beside the CSV file, ending in .html)." };

    private readonly Option<bool> _force = new("--force") { Description = "Start over, whatever the CSV file holds." };

    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON object (default: a table)." };

    private SweepCommand(Terminal terminal) => _terminal = terminal;

    public static Command Create(Terminal terminal)
    {
        var sweep = new SweepCommand(terminal);
        var command = new Command("sweep", "Measure every exit layer with every speculation length; a killed sweep goes on where it was.");
        sweep._model.AddTo(command);
        sweep._prompts.AddTo(command);
        foreach (var option in (Option[])[sweep._exitLayers, sweep._numSpeculations, sweep._draftWeights, sweep._runs, sweep._output, sweep._html, sweep._force, sweep._json])
        {
            command.Add(option);
        }

        command.SetAction(sweep.Run);
        return command;
    }

    private int Run(ParseResult arguments)
    {
        var output = arguments.GetRequiredValue(_output);
        OutputFile.Check("--output", output, arguments, _prompts.Data, _model.Directory);
        if (!OutputFile.IsKept(output))
        {
            throw new UsageException($"--output is '{output}', a device or a pipe, expected a file: it is read again, to go on with it");
        }

        var html = arguments.GetValue(_html) ?? Path.ChangeExtension(output, ".html");
        OutputFile.Check("--html", html, arguments, _prompts.Data, _model.Directory);
        if (OutputFile.IsSame("--html", html, output))
        {
            throw new UsageException($"--html and --output are both '{html}', expected two files");
        }

        var texts = _prompts.Read(arguments, _terminal);
        var directory = arguments.GetRequiredValue(_model.Directory);
        using var model = _model.Load(arguments, _terminal);
        DecodingArguments.NoteExactWeights(arguments, model, _draftWeights, _terminal);
        var asked = arguments.GetValue(_draftWeights);
        IEnumerable<DraftSetting> settings =
        [
            .. DraftSetting.Grid(
                DecodingArguments.ExpandExitLayers(arguments.GetValue(_exitLayers) ?? [], model, asked ?? model.Defaults.DraftWeights), arguments.GetValue(_numSpeculations) ?? s_defaultSpeculations),
            DraftSetting.Auto,
        ];
        DraftSetting[] cells = [.. settings.Select(cell => cell with { Weights = asked })];
        var prompts = _prompts.Encode(arguments, texts, model, directory, _terminal);
        var auto = model.Plan((DraftSetting.Auto with { Weights = asked }).Options());
        var setup = new SweepSetup(
            model.Name,
            Fingerprint.OfCheckpoint(directory),
            model.WeightFormat.ToString().ToLowerInvariant(),
            model.Device,
            prompts.Length,
            Fingerprint.OfTokens([.. prompts, model.Defaults.EndOfSequenceIds, model.Defaults.DraftVocabulary]),
            _prompts.MaxTokens(arguments, model),
            arguments.GetValue(_runs) ?? DefaultRuns,
            ModelArguments.WhyUncompressed(model) is null ? (arguments.GetValue(_model.Compression) ?? WeightCompression.Auto).ToString().ToLowerInvariant() : "none",
            DecodingArguments.WeightsOf(model, asked),
            auto.Source.ToString().ToLowerInvariant(),
            auto.IsExitDeclared ? auto.ExitLayer : null,
            auto.NumSpeculations);
        var file = SweepFile.Open(output, setup, model.Config.Layers, arguments.GetValue(_force));
        var resumed = file.Cells.Count;
        var isJson = arguments.GetValue(_json);
        if (cells.Count(file.Contains) is > 0 and var known && !isJson)
        {
            _terminal.Note($"{known} of {cells.Length} cells are from {output}, measured before (--force measures them anew)");
        }

        var sweep = new Sweep(model, prompts, setup, file);

        // What is kept shows how far it has come; a pipe gets one page.
        Action measured = OutputFile.IsKept(html) ? () => Page.Write(html, SweepPage.Create(Report(model, setup, file, output, resumed))) : () => { };
        Loading.Run(_terminal, $"Measuring {cells.Length} cells", (progress, cancellation) =>
        {
            sweep.Run(cells, measured, progress, cancellation);
            return cells.Length;
        });

        var report = Report(model, setup, file, output, resumed);
        Page.Write(html, SweepPage.Create(report));
        if (isJson)
        {
            ReportJson.Write(_terminal.Out, report, ReportJson.Instance.SweepReport);
        }
        else
        {
            SweepTable.Write(_terminal.OutConsole, report);
        }

        return report.Mismatches == 0 ? CommandLine.Success : CommandLine.Mismatch;
    }

    private static bool IsOfGrid(SpeedCellReport cell) => cell is { ExitLayer: not null, NumSpeculations: not null };

    private static SweepReport Report(LayerSkipModel model, SweepSetup setup, SweepFile file, string output, int resumed) => new()
    {
        Model = setup.Model,
        Checkpoint = setup.Checkpoint,
        WeightFormat = setup.WeightFormat,
        Machine = MachineReport.Of(model.Device),
        Prompts = setup.Prompts,
        PromptIds = setup.PromptIds,
        MaxTokens = setup.MaxTokens,
        Runs = setup.Runs,
        Compression = setup.Compression,
        DraftWeights = setup.DraftWeights,
        AutoSource = setup.AutoSource,
        Output = output,
        Resumed = resumed,
        Mismatches = file.Cells.Sum(cell => setup.Prompts - cell.Identical),
        Best = file.Cells.Where(IsOfGrid).MaxBy(cell => cell.Speedup.Median)!,
        Auto = file.Cells.FirstOrDefault(cell => cell.Controller == DraftSetting.Auto.ControllerName),
        Cells = [.. file.Cells.Where(IsOfGrid)],
    };
}
