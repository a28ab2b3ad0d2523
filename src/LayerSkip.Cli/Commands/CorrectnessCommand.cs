using System.CommandLine;
using LayerSkip.Cli.Evaluation;
using LayerSkip.Cli.Prompts;
using LayerSkip.Cli.Reports;
using LayerSkip.Cli.Verification;
using LayerSkip.Engine;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Cli.Commands;

/// <summary><c>layerskip correctness</c>: self-speculative output against autoregressive, for all controllers, sources, exit layers and weight formats asked for.</summary>
internal sealed class CorrectnessCommand
{
    private const int DefaultSamples = 200;
    private const int DefaultSeed = 1;

    private readonly Terminal _terminal;
    private readonly Option<string> _model = DirectoryOption.Create("Checkpoint directory in Hugging Face layout, or GGUF file.");

    private readonly Option<WeightCompression?> _compression = ModelArguments.CompressionOption();
    private readonly Option<string?> _device = ModelArguments.DeviceOption();

    private readonly Option<int?> _threads = CheckedOption.Integer(
        "--threads", "N", "Threads to compute with, at most eight for each processor (default: one for each).", 1, ModelArguments.MostThreads);

    private readonly Option<string[]> _data = CheckedOption.Files(
        "--data", "Prompts: TOPv2's .tsv, .jsonl with {\"prompt\"} a line, .txt with one a line; rendered with the checkpoint's chat template.");

    private readonly Option<int?> _samples = CheckedOption.Integer(
        "--samples", "N", $"Prompts, spread evenly over all files (default: {DefaultSamples}).", 1);

    private readonly Option<IReadOnlyList<WeightFormat>?> _formats = Choices<WeightFormat>(
        "--dtype", "Weight formats to compare in, each with itself (default: auto, the checkpoint's own precision).", WeightFormat.Auto);

    private readonly Option<IReadOnlyList<DraftController>?> _controllers = Choices<DraftController>(
        "--controller", "Draft controllers (default: all).");

    private readonly Option<IReadOnlyList<DraftSource>?> _sources = Choices<DraftSource>(
        "--draft-source", "Sources of drafts, one chosen at random for each comparison (default: all).");

    private readonly Option<IReadOnlyList<DraftWeights>?> _weights = Choices<DraftWeights>(
        "--draft-weights", "Weights that drafts go by, chosen at random for each comparison (default: all).");

    private readonly Option<IReadOnlyList<int>?> _exitLayers = CheckedOption.Integers(
        "--exit-layer", "all|E,E..E", "Exit layers, 1..L-1, and L where all --draft-weights are coarse and no --controller is dynamic, one chosen at random for each comparison (default: all).", 1, all: "all");

    private readonly Option<int?> _maxTokens = CheckedOption.Integer(
        "--max-tokens", "N", $"Most tokens of an output (default: the checkpoint's max_new_tokens, else {EvaluatorSettings.DefaultMaxTokens}).", 1);

    private readonly Option<float?> _temperature = CheckedOption.Number(
        "--temperature", "T", "0 is greedy; else outputs are drawn, with a seed for each prompt (default: 0).", "a number of at least 0", value => value >= 0);

    private readonly Option<bool> _grounded = new("--grounded")
    {
        Description = "Hold answers to TOPv2's rows to the frames that the utterance can have (default: anything may be answered).",
    };

    private readonly Option<int?> _seed = CheckedOption.Integer("--seed", "S", $"Chooses prompts and settings (default: {DefaultSeed}).", 0);

    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON object (default: a table)." };

    private CorrectnessCommand(Terminal terminal) => _terminal = terminal;

    public static Command Create(Terminal terminal)
    {
        var correctness = new CorrectnessCommand(terminal);
        correctness._data.Required = true;
        var command = new Command("correctness", "Compare self-speculative output with autoregressive, token by token; exit code 1 where any differs.");
        foreach (var option in (Option[])
            [
                correctness._model, correctness._device, correctness._compression, correctness._threads, correctness._data, correctness._samples, correctness._formats, correctness._controllers,
                correctness._sources, correctness._weights, correctness._exitLayers, correctness._maxTokens, correctness._temperature, correctness._grounded, correctness._seed, correctness._json,
            ])
        {
            command.Add(option);
        }

        command.SetAction(correctness.Run);
        return command;
    }

    private int Run(ParseResult arguments)
    {
        var seed = arguments.GetValue(_seed) ?? DefaultSeed;
        EvaluationRow[] all = [.. arguments.GetRequiredValue(_data).SelectMany(path => EvaluationFile.Read("--data", path, needsResponse: false))];
        EvaluationRow[] rows = [.. RowSample.Spread(all.Length, arguments.GetValue(_samples) ?? DefaultSamples, seed).Select(row => all[row])];
        if (all.All(row => row.Frame is null))
        {
            _terminal.NoteUnused(arguments, "it is of TOPv2's rows, and --data holds none", _grounded);
        }

        var formats = arguments.GetValue(_formats) ?? [WeightFormat.Auto];
        var uncompressed = new List<string>();
        CorrectnessRun? run = null;
        CorrectnessReport? report = null;
        foreach (var format in formats)
        {
            using var model = Load(arguments, format);
            if (run is null)
            {
                ModelArguments.NoteDevice(arguments, model, _threads, _terminal);
                run = Prepare(arguments, model, rows, seed);
            }

            if (ModelArguments.WhyUncompressed(model) is { } why)
            {
                uncompressed.Add(why);
            }

            Loading.Run(_terminal, $"Comparing {rows.Length} prompts in {model.WeightFormat.ToString().ToLowerInvariant()}", (progress, cancellation) =>
            {
                run.Add(model, progress, cancellation);
                return rows.Length;
            });
            report = Report(arguments, model, run, rows.Length, seed);
        }

        if (uncompressed.Count == formats.Count)
        {
            _terminal.NoteUnused(arguments, uncompressed[^1], _compression);
        }

        Write(arguments, report!);
        return report!.Mismatches == 0 ? CommandLine.Success : CommandLine.Mismatch;
    }

    private CorrectnessRun Prepare(ParseResult arguments, LayerSkipModel model, EvaluationRow[] rows, int seed)
    {
        if (model.Config.Layers < 2)
        {
            throw new UsageException($"{model.Name} has one layer, expected at least 2: there is nothing to exit from");
        }

        var exits = arguments.GetValue(_exitLayers) ?? [];
        var weights = arguments.GetValue(_weights) ?? Enum.GetValues<DraftWeights>();
        var controllers = arguments.GetValue(_controllers) ?? Enum.GetValues<DraftController>();
        var whyNotByAll = controllers.Contains(DraftController.Dynamic) ? "and the controller dynamic knows exits before the last alone"
            : DecodingArguments.WhyNotByAll(weights.All(static one => DecodingPlan.IsCoarse(one)));
        foreach (var exit in exits)
        {
            DecodingArguments.CheckExitLayer(exit, model.Config, whyNotByAll);
        }

        if (arguments.GetValue(_sources) is [DraftSource.Lookup])
        {
            _terminal.NoteUnused(arguments, "with the draft source lookup alone no layer drafts", _exitLayers, _weights);
        }

        var settings = new EvaluatorSettings { MaxTokens = arguments.GetValue(_maxTokens), IsGrounded = arguments.GetValue(_grounded) };
        var evaluator = new Evaluator(rows, model.Tokenizer, ChatPrompt.Load(arguments.GetRequiredValue(_model), model.Tokenizer, _terminal), settings);
        evaluator.Check(model.Config.MaxPositions);
        return new(
            evaluator,
            controllers,
            arguments.GetValue(_sources) ?? Enum.GetValues<DraftSource>(),
            weights,
            exits,
            arguments.GetValue(_temperature) ?? 0,
            seed);
    }

    private LayerSkipModel Load(ParseResult arguments, WeightFormat format)
    {
        var options = ModelArguments.Options(arguments.GetValue(_device), arguments.GetValue(_threads), format, arguments.GetValue(_compression));
        return Loading.Run(
            _terminal, "Loading", (progress, cancellation) => LayerSkipModel.Load(arguments.GetRequiredValue(_model), options, progress, cancellation));
    }

    private CorrectnessReport Report(ParseResult arguments, LayerSkipModel model, CorrectnessRun run, int samples, int seed) => new()
    {
        Model = model.Name,
        Machine = MachineReport.Of(model.Device),
        Samples = samples,
        Comparisons = run.Cells.Sum(cell => cell.Comparisons),
        Mismatches = run.Cells.Sum(cell => cell.Mismatches),
        FirstMismatch = run.FirstMismatch,
        MaxTokens = arguments.GetValue(_maxTokens) ?? model.Defaults.MaxNewTokens ?? EvaluatorSettings.DefaultMaxTokens,
        Temperature = arguments.GetValue(_temperature) ?? 0,
        Grounded = arguments.GetValue(_grounded) && run.IsGrounded,
        Seed = seed,
        Cells = [.. run.Cells],
    };

    private void Write(ParseResult arguments, CorrectnessReport report)
    {
        if (arguments.GetValue(_json))
        {
            ReportJson.Write(_terminal.Out, report, ReportJson.Instance.CorrectnessReport);
            return;
        }

        _terminal.Out.WriteLine($"{report.Model} on {report.Machine.Device}{(report.Grounded ? ", frames held to their utterances" : "")}");
        foreach (var cell in report.Cells)
        {
            _terminal.Out.WriteLine(FormattableString.Invariant(
                $"{cell.WeightFormat,-5} {cell.Controller,-11} {cell.Comparisons,7} compared {cell.Mismatches,5} differ {cell.Tokens,9} tokens {cell.Drafted,9} drafted {cell.Accepted,9} accepted, {cell.Copied} of them copied"));
        }

        _terminal.Out.WriteLine(FormattableString.Invariant(
            $"{Quantity.Of(report.Samples, "prompt")}, {Quantity.Of(report.Comparisons, "output")} compared with autoregressive ones: {report.Mismatches} differ"));
        if (report.FirstMismatch is { } first)
        {
            _terminal.Out.WriteLine(FormattableString.Invariant(
                $"first: {first.Source}, {first.WeightFormat}, {first.Controller}, drafts by {first.DraftSource}, {first.DraftWeights} weights, exit layer {first.ExitLayer?.ToString() ?? "chosen"}, at most {first.NumSpeculations} tokens, threshold {first.DraftThreshold}: from output token {first.Position} on {string.Join(' ', first.Actual)} instead of {string.Join(' ', first.Expected)}"));
        }
    }

    private static Option<IReadOnlyList<T>?> Choices<T>(string name, string description, params T[] beside)
        where T : struct, Enum
    {
        (string Word, T Value)[] choices = [.. Enum.GetValues<T>().Select(value => (value.ToString().ToLowerInvariant(), value))];
        var words = string.Join(", ", choices.Select(choice => choice.Word));
        return CheckedOption.Create(
            name, $"all|{string.Join('|', choices.Select(choice => choice.Word))},...", description, $"'all', or some of {words}, separated by commas", (string text, out IReadOnlyList<T>? value) =>
            {
                var parts = text.Split(',');
                value = text == "all" ? [.. choices.Select(choice => choice.Value).Except(beside)]
                    : parts.All(part => choices.Any(choice => choice.Word == part)) ? [.. parts.Select(part => choices.First(choice => choice.Word == part).Value).Distinct()]
                    : null;
                return value is not null;
            });
    }
}
