using System.CommandLine;
using System.Reflection;
using System.Text;
using System.Text.Json;
using LayerSkip.Cli.Evaluation;
using LayerSkip.Cli.Measurement;
using LayerSkip.Cli.Prompts;
using LayerSkip.Cli.Reports;
using LayerSkip.Engine;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;

namespace LayerSkip.Cli.Commands;

/// <summary><c>layerskip eval</c>: how often a model is right, at full depth and by exit, and how much self-speculation saves on the same rows.</summary>
internal sealed class EvalCommand
{
    private const int DefaultSpeedRows = 200;
    private const int DefaultRuns = 5;
    private const int DefaultSeed = 1;
    private const int MaxConcurrency = 4096;

    private readonly Terminal _terminal;
    private readonly ModelArguments _model = new();

    private readonly Option<string[]> _data = CheckedOption.Files(
        "--data", "Rows to evaluate on: TOPv2's .tsv, or .jsonl with {\"prompt\", \"response\"[, \"domain\"]} or {\"messages\"} a line.");

    private readonly Option<string[]> _train = CheckedOption.Files(
        "--train", "Training files: count the rows that stand in them, and score them apart (default: none).");

    private readonly Option<IReadOnlyList<int>?> _exitLayers = CheckedOption.Integers(
        "--exit-layer",
        "all|E,E...",
        "Also score early exits after these layers, 1..L-1, which are lossy, and draft with them (default: score none; draft with the checkpoint's, else with all layers by coarse weights or a third of them).",
        1,
        all: "all");

    private readonly Option<DraftWeights?> _draftWeights = DecodingArguments.WeightsOption();

    private readonly Option<IReadOnlyList<int>?> _numSpeculations = CheckedOption.Integers(
        "--num-speculations",
        "D,D...",
        $"Most tokens drafted in a round while measuring speed (default: the checkpoint's, else {DecodingArguments.DefaultSpeculations}).",
        1,
        64);

    private readonly Option<int?> _limit = CheckedOption.Integer("--limit", "N", "Most rows of a file, spread evenly over it (default: all).", 1);

    private readonly Option<int?> _speedRows = CheckedOption.Integer(
        "--speed-rows", "N", $"Rows to measure speed on, spread evenly over all; 0 measures none (default: {DefaultSpeedRows}).", 0);

    private readonly Option<int?> _runs = CheckedOption.Integer(
        "--runs", "N", $"Measured runs over those rows, after a warm-up (default: {DefaultRuns}).", 1, 10_000);

    private readonly Option<int?> _seed = CheckedOption.Integer("--seed", "S", $"Chooses where the even spreads begin (default: {DefaultSeed}).", 0);

    private readonly Option<int?> _maxTokens = CheckedOption.Integer(
        "--max-tokens", "N", $"Most tokens of an answer (default: the checkpoint's max_new_tokens, else {EvaluatorSettings.DefaultMaxTokens}).", 1);

    private readonly Option<int?> _concurrency = CheckedOption.Integer(
        "--concurrency", "N", $"Rows answered at once; no matter for the answers (default: {EvaluatorSettings.DefaultConcurrency}).", 1, MaxConcurrency);

    private readonly Option<TargetForm?> _form = CheckedOption.Choice(
        "--form",
        "How the model writes frames; scores are those of the decoupled form (default: decoupled).",
        [.. Enum.GetValues<TargetForm>().Select(form => (NameOf(form), form))]);

    private readonly Option<bool> _grounded = new("--grounded")
    {
        Description = "Hold answers to TOPv2's rows to the frames that the utterance can have: well-formed, of its own words, in its order (default: anything may be answered).",
    };

    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON object (default: tables)." };

    private readonly Option<string?> _output = new("--output") { HelpName = "FILE", Description = "Also write the JSON object to this file (default: none)." };

    private EvalCommand(Terminal terminal) => _terminal = terminal;

    public static Command Create(Terminal terminal)
    {
        var eval = new EvalCommand(terminal);
        eval._data.Required = true;
        var command = new Command("eval", "Score a checkpoint's answers, at full depth and by exit, and measure self-speculation on the same rows.");
        eval._model.AddTo(command);
        foreach (var option in (Option[])
            [
                eval._data, eval._train, eval._exitLayers, eval._numSpeculations, eval._draftWeights, eval._limit, eval._seed, eval._speedRows, eval._runs,
                eval._maxTokens, eval._concurrency, eval._form, eval._grounded, eval._json, eval._output,
            ])
        {
            command.Add(option);
        }

        command.SetAction(eval.Run);
        return command;
    }

    private int Run(ParseResult arguments)
    {
        if (arguments.GetValue(_output) is { } output)
        {
            OutputFile.Check("--output", output, arguments, _data, _train, _model.Directory);
        }

        var seed = arguments.GetValue(_seed) ?? DefaultSeed;
        var limit = arguments.GetValue(_limit);
        var files = ReadFiles("--data", arguments.GetRequiredValue(_data), needsResponse: true);
        var training = ReadTraining(arguments);
        EvaluationRow[][] chosen =
            [.. files.Select(file => RowSample.Spread(file.Rows.Count, limit ?? file.Rows.Count, seed).Select(row => file.Rows[row]).ToArray())];
        EvaluationRow[] rows = [.. chosen.SelectMany(file => file)];
        if (rows.All(row => row.Frame is null))
        {
            _terminal.NoteUnused(arguments, "it is of TOPv2's rows, and --data holds none", _form, _grounded);
        }

        var form = arguments.GetValue(_form) ?? TargetForm.Decoupled;
        if (arguments.GetValue(_grounded) && form != TargetForm.Decoupled)
        {
            throw new UsageException($"--grounded holds answers to frames of the decoupled form, but --form is {NameOf(form)}");
        }

        using var model = _model.Load(arguments, _terminal);
        var exits = ReadExitLayers(arguments, model.Config);
        var settings = new EvaluatorSettings
        {
            MaxTokens = arguments.GetValue(_maxTokens),
            Concurrency = arguments.GetValue(_concurrency) ?? EvaluatorSettings.DefaultConcurrency,
            Form = form,
            IsGrounded = arguments.GetValue(_grounded),
        };
        var evaluator = new Evaluator(
            rows, model.Tokenizer, ChatPrompt.Load(arguments.GetRequiredValue(_model.Directory), model.Tokenizer, _terminal), settings);
        var depths = Loading.Run(
            _terminal, $"Answering {rows.Length} rows", (progress, cancellation) => evaluator.Evaluate(model, exits, progress, cancellation));
        var speed = MeasureSpeed(arguments, model, evaluator, depths[0], exits, seed);
        var report = new EvalReport
        {
            Version = typeof(EvalCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown",
            Model = model.Name,
            WeightFormat = model.WeightFormat.ToString().ToLowerInvariant(),
            Machine = MachineReport.Of(model.Device),
            ExactMatch = depths[0].Summary.ExactMatch,
            Speedup = speed?.Best.Speedup.Median,
            Rows = rows.Length,
            Files = [.. files.Zip(chosen, (file, evaluated) => new EvalFileReport(file.Path, file.Rows.Count, evaluated.Length))],
            Limit = limit,
            Seed = seed,
            Form = NameOf(settings.Form),
            Grounded = settings.IsGrounded && rows.Any(row => row.Frame is not null),
            MaxTokens = evaluator.MaxTokens(model),
            Concurrency = settings.Concurrency,
            Depths = [.. depths.Select(DepthReport.Of)],
            Overlap = training is null ? null : Compare(training, arguments.GetRequiredValue(_train), rows, depths),
            Speed = speed,
        };
        Write(arguments, report);
        return speed is null || speed.Mismatches() == 0 ? CommandLine.Success : CommandLine.Mismatch;
    }

    private SpeedReport? MeasureSpeed(
        ParseResult arguments, LayerSkipModel model, Evaluator evaluator, DepthEvaluation full, IReadOnlyList<int> exits, int seed)
    {
        var rows = RowSample.Spread(evaluator.Rows.Count, arguments.GetValue(_speedRows) ?? DefaultSpeedRows, seed);
        if (rows.Length == 0 || model.Config.Layers < 2)
        {
            _terminal.NoteUnused(
                arguments,
                rows.Length == 0 ? "--speed-rows is 0, so no speed is measured" : $"{model.Name} has one layer, so that there is nothing to exit from and no speed is measured",
                _numSpeculations,
                _draftWeights,
                _runs);
            return null;
        }

        DecodingArguments.NoteExactWeights(arguments, model, _draftWeights, _terminal);
        var asked = arguments.GetValue(_draftWeights);
        IEnumerable<DraftSetting> cells =
        [
            .. DraftSetting.Grid(
                exits.Count > 0 ? exits : [DecodingArguments.ExitOf(model, asked)],
                arguments.GetValue(_numSpeculations) ?? [DecodingArguments.Speculations(model.Defaults)]),
            DraftSetting.Auto,
        ];
        var settings = new SpeedSettings(
            [.. rows.Select(row => evaluator.Prompts[row])],
            [.. rows.Select(row => full.Answers[row].Tokens)],
            [.. cells.Select(cell => cell with { Weights = asked })],
            evaluator.MaxTokens(model),
            arguments.GetValue(_runs) ?? DefaultRuns,
            row => evaluator.Constrain(rows[row]));
        return Loading.Run(_terminal, "Measuring speed", new SpeedGrid(model, settings).Run) with { DraftWeights = DecodingArguments.WeightsOf(model, asked) };
    }

    private static (string Path, IReadOnlyList<EvaluationRow> Rows)[] ReadFiles(string option, string[] paths, bool needsResponse)
    {
        var files = Array.ConvertAll(paths, path => (path, EvaluationFile.Read(option, path, needsResponse)));
        var twice = paths.GroupBy(Path.GetFullPath, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1);
        return twice is null ? files : throw new UsageException($"{option} {twice.First()}: is given twice");
    }

    private TrainingPrompts? ReadTraining(ParseResult arguments)
    {
        if (arguments.GetResult(_train) is null)
        {
            return null;
        }

        var training = new TrainingPrompts();
        foreach (var (_, rows) in ReadFiles("--train", arguments.GetRequiredValue(_train), needsResponse: false))
        {
            training.Add(rows);
        }

        return training;
    }

    private IReadOnlyList<int> ReadExitLayers(ParseResult arguments, ModelConfig config) => arguments.GetValue(_exitLayers) switch
    {
        null => [],
        { Count: 0 } => [.. Enumerable.Range(1, config.Layers - 1)],
        var exits => [.. exits.Select(exit => DecodingArguments.CheckExitLayer(exit, config, "and what all of them answer is scored anyway"))],
    };

    private static OverlapReport Compare(
        TrainingPrompts training, IReadOnlyList<string> files, EvaluationRow[] rows, IReadOnlyList<DepthEvaluation> depths)
    {
        var seen = Array.ConvertAll(rows, training.Contains);
        var count = seen.Count(isSeen => isSeen);
        return new OverlapReport(files, training.Rows, count, (double)count / rows.Length, [.. depths.Select(Of)]);

        OverlapDepthReport Of(DepthEvaluation depth)
        {
            var (known, unknown) = (depth.Summarize(row => seen[row]), depth.Summarize(row => !seen[row]));
            return new(
                depth.Layers,
                count > 0 ? known.ExactMatch : null,
                count < rows.Length ? unknown.ExactMatch : null,
                count > 0 ? known.Overall.ExactMatch : null,
                count < rows.Length ? unknown.Overall.ExactMatch : null);
        }
    }

    private void Write(ParseResult arguments, EvalReport report)
    {
        if (arguments.GetValue(_json))
        {
            ReportJson.Write(_terminal.Out, report, ReportJson.Instance.EvalReport);
        }
        else
        {
            new EvalTables(_terminal.OutConsole).Write(report);
        }

        if (arguments.GetValue(_output) is { } path)
        {
            AtomicFile.WriteTo(path, stream => stream.Write(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(report, ReportJson.Instance.EvalReport) + "\n")));
        }
    }

    private static string NameOf(TargetForm form) => form.ToString().ToLowerInvariant();
}
