using System.CommandLine;
using LayerSkip.Cli.Measurement;
using LayerSkip.Cli.Prompts;
using LayerSkip.Cli.Reports;
using LayerSkip.Cli.Reports.Plots;
using LayerSkip.Engine;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Devices.Cpu;

namespace LayerSkip.Cli.Commands;

/// <summary><c>layerskip bench</c>: how fast a model runs, and how near that is to what the machine can do.</summary>
internal sealed class BenchCommand
{
    private const string DefaultPrompt = "The quick brown fox jumps over the lazy dog, and then";
    private const int DefaultPromptTokens = 128;
    private const int DefaultSyntheticTokens = 64;
    private const int DefaultCheckpointTokens = 128;
    private const int DefaultRuns = 5;
    private const int MostGrown = 64;
    private const int DefaultRowsContext = 128;
    private const int MostRequests = 64;

    private readonly Terminal _terminal;
    private readonly ModelArguments _model = new();
    private readonly DecodingArguments _decoding = new();

    private readonly Option<string?> _synthetic = new("--synthetic")
    {
        HelpName = "SHAPE",
        Description = "Instead of --model, random weights of this shape: layers=12,hidden=768,ffn=3072,heads=12,kv=12,vocab=32000 (also context=2048, and exit=4: an exit whose drafts are nearly all right).",
    };

    private readonly Option<string?> _prompts = new("--prompts")
    {
        HelpName = "FILE", Description = "Prompts to continue: .jsonl with {\"prompt\"} a line, TOPv2's .tsv or .txt with one a line (default: one built-in sentence).",
    };

    private readonly Option<bool> _chat = new("--chat")
    {
        Description = "Prompts are users' messages, rendered with the checkpoint's chat template (default: plain text).",
    };

    private readonly Option<int?> _maxTokens = CheckedOption.Integer(
        "--max-tokens",
        "N",
        $"Most tokens to generate for a prompt (default: the checkpoint's max_new_tokens, else {DefaultCheckpointTokens}; synthetic {DefaultSyntheticTokens}).",
        2);

    private readonly Option<int?> _promptTokens = CheckedOption.Integer(
        "--prompt-tokens", "N", $"Tokens of the prompt whose prefill is measured; a synthetic model decodes after as many (default: {DefaultPromptTokens}).", 1);

    private readonly Option<int?> _runs = CheckedOption.Integer("--runs", "N", $"Measured runs, after a warm-up (default: {DefaultRuns}).", 1, 10_000);

    private readonly Option<IReadOnlyList<int>?> _contexts = CheckedOption.Integers(
        "--context-lengths", "N,N..", "Also measure a token's time behind so many others, such as 128,1024,8192 (default: none).", 1);

    private readonly Option<IReadOnlyList<int>?> _rows = CheckedOption.Integers(
        "--rows", "N,N..N", "Also measure a pass of so many rows, such as 1..64 (default: none).", 1, 1024);

    private readonly Option<int?> _rowsContext = CheckedOption.Integer(
        "--rows-context", "N", $"Tokens before those of such passes (default: {DefaultRowsContext}).", 0);

    private readonly Option<IReadOnlyList<int>?> _requests = CheckedOption.Integers(
        "--requests", "N,N..N", "Also measure so many requests at once, 1 to 64, such as 1,2,4,8 (default: none).", 1, MostRequests);

    private readonly Option<string?> _html = new("--html") { HelpName = "FILE", Description = "Also write a page with plots (default: none)." };

    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON object (default: a table)." };

    private BenchCommand(Terminal terminal) => _terminal = terminal;

    public static Command Create(Terminal terminal)
    {
        var bench = new BenchCommand(terminal);
        bench._model.Directory.Required = false;
        bench._decoding.ExitLayer.Description = "Layers the draft runs, 1..L-1, by coarse --draft-weights 1..L (default: the controller's choice or the checkpoint's, else a third, by coarse weights all).";
        bench._decoding.NumSpeculations.Description = "Most tokens drafted in a round, at least 1 (default: the checkpoint's, else 4, of controller fixed; with auto and dynamic at least 16; with others the checkpoint's, else 16).";
        bench._model.Directory.Description = "Checkpoint directory in Hugging Face layout, or GGUF file (this or --synthetic is required).";
        var command = new Command("bench", "Measure prefill and decoding, autoregressive and self-speculative, against the machine's limits.");
        bench._model.AddTo(command);
        foreach (var option in (Option[])
            [
                bench._synthetic, bench._prompts, bench._chat, bench._decoding.ExitLayer, bench._decoding.NumSpeculations, bench._decoding.Controller,
                bench._decoding.DraftThreshold, bench._decoding.Source, bench._decoding.Weights, bench._maxTokens, bench._promptTokens, bench._runs, bench._contexts, bench._rows, bench._rowsContext,
                bench._requests, bench._html, bench._json,
            ])
        {
            command.Add(option);
        }

        command.Validators.Add(result =>
        {
            var isSynthetic = result.GetResult(bench._synthetic) is not null;
            if ((result.GetResult(bench._model.Directory) is not null) == isSynthetic)
            {
                result.AddError($"bench takes either --model or --synthetic, {(isSynthetic ? "not both" : "and neither is given")}");
            }
            else if (isSynthetic && (result.GetResult(bench._prompts) is not null || result.GetValue(bench._chat)))
            {
                result.AddError("--prompts and --chat need --model: a synthetic model has no tokenizer");
            }
        });
        command.SetAction(bench.Run);
        return command;
    }

    private int Run(ParseResult arguments)
    {
        var html = arguments.GetValue(_html);
        if (html is not null)
        {
            OutputFile.Check("--html", html, arguments, _prompts, _model.Directory);
        }

        if (arguments.GetValue(_decoding.NumSpeculations) == 0)
        {
            throw new UsageException("--num-speculations is 0, expected at least 1: bench compares drafts with none");
        }

        var isSynthetic = arguments.GetValue(_synthetic) is not null;
        var prompts = arguments.GetValue(_prompts) is { } path ? PromptSource.Read("--prompts", path) : [DefaultPrompt];
        var (loaded, startUp) = isSynthetic
            ? (LoadSynthetic(arguments), null)
            : ((LayerSkipModel, StartUpReport?))StartUp.Measure(arguments.GetRequiredValue(_model.Directory), () => _model.Load(arguments, _terminal));
        using var model = loaded;
        if (model.Config.Layers < 2)
        {
            throw new UsageException($"{model.Name} has one layer, expected at least 2: there is nothing to exit from");
        }

        _decoding.NoteUnusedDrafting(
            arguments, model, Draft(arguments, model, isSynthetic) with { Mode = DecodingMode.SelfSpeculative }, _terminal);
        if (arguments.GetValue(_rows) is null)
        {
            _terminal.NoteUnused(arguments, "it is of --rows, which is not given", _rowsContext);
        }

        var settings = isSynthetic ? Settings(arguments, model, RandomPrompts(1, PromptTokens(arguments, model), model.Config), true)
            : Settings(arguments, model, Encode(arguments, model, prompts), false);
        var bench = new Bench(model, settings);
        var report = bench.Run(_terminal.Interrupt.Command);
        report = report with
        {
            StartUp = startUp,
            Notes = [.. Notes(report, model, isSynthetic)],
            Device = DeviceActivity.Measure(model, settings, _terminal.Interrupt.Command),
        };
        if (html is not null)
        {
            Page.Write(html, BenchPage.Create(report, bench.Autoregressive, bench.Speculative));
        }

        if (arguments.GetValue(_json))
        {
            ReportJson.Write(_terminal.Out, report, ReportJson.Instance.BenchReport);
        }
        else
        {
            BenchTable.Write(_terminal.OutConsole, report);
            if (report.Device is { } device)
            {
                _terminal.Out.WriteLine(device.Autoregressive.Describe("autoregressive"));
                _terminal.Out.WriteLine(device.SelfSpeculative.Describe("self-speculative"));
            }
        }

        return report.AreIdentical() ? CommandLine.Success : CommandLine.Mismatch;
    }

    private LayerSkipModel LoadSynthetic(ParseResult arguments)
    {
        var (config, exitLayer) = SyntheticShape.Parse(arguments.GetRequiredValue(_synthetic)!);
        _decoding.ReadExitLayer(arguments, config, new());
        using var weights = new RandomWeightSource(config, seed: 1, exitLayer: exitLayer);
        var options = _model.Options(arguments);
        if (RunsOnCpu(options))
        {
            CheckMemory(config, new WeightPlan(config, weights, options.WeightFormat, options.Finer, SimdPaths.Choose(), options.Compression));
        }

        var defaults = new GenerationDefaults { ExitLayer = exitLayer };
        var model = Loading.Run(
            _terminal,
            "Drawing random weights",
            (progress, cancellation) => LayerSkipModel.FromWeights("synthetic", config, weights, defaults, options, progress, cancellation));
        _model.NoteLoaded(arguments, model, _terminal);
        return model;
    }

    /// <summary>Whether no GPU is tried: one has its own memory, and says itself where that is short.</summary>
    private static bool RunsOnCpu(ModelOptions options) => options.Device == "cpu"
        || (options.Device == "auto" && options.DeviceProviders.All(provider => provider.Survey().Reason is not null));

    private static void CheckMemory(ModelConfig config, WeightPlan plan)
    {
        var needed = ModelSize.WeightBytes(config, plan);
        var available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (needed > available)
        {
            throw new UsageException($"--synthetic: the weights take at least {Quantity.Bytes(needed)} in {plan.Format.ToString().ToLowerInvariant()}, the machine has {Quantity.Bytes(available)}");
        }
    }

    private BenchSettings Settings(ParseResult arguments, LayerSkipModel model, IReadOnlyList<int[]> prompts, bool isSynthetic)
    {
        var promptTokens = PromptTokens(arguments, model);
        var maxTokens = arguments.GetValue(_maxTokens) ?? (isSynthetic ? DefaultSyntheticTokens : model.Defaults.MaxNewTokens ?? DefaultCheckpointTokens);
        var requests = arguments.GetValue(_requests) ?? [];
        var requestPrompts = isSynthetic && requests.Count > 0 ? RandomPrompts(requests[^1], promptTokens, model.Config) : prompts;
        CheckKvCaches(requests, requestPrompts, maxTokens, model);
        return new(
            prompts,
            Repeat(prompts, promptTokens),
            Draft(arguments, model, isSynthetic),
            maxTokens,
            IgnoreEndOfSequence: isSynthetic,
            arguments.GetValue(_runs) ?? DefaultRuns,
            Grown("--context-lengths", arguments.GetValue(_contexts), model),
            Grown("--rows", arguments.GetValue(_rows), model),
            arguments.GetValue(_rowsContext) ?? DefaultRowsContext,
            requests,
            requestPrompts,
            arguments.GetValue(_model.Threads) ?? Environment.ProcessorCount);
    }

    /// <summary>Where memory is short, an engine lets requests wait: fewer than asked for would run at once.</summary>
    private static void CheckKvCaches(IReadOnlyList<int> requests, IReadOnlyList<int[]> prompts, int maxTokens, LayerSkipModel model)
    {
        if (requests.Count == 0)
        {
            return;
        }

        var needed = Enumerable.Range(0, requests[^1]).Sum(request =>
            model.KvBytesOf((int)Math.Min(prompts[request % prompts.Count].Length + (long)maxTokens, model.Config.MaxPositions)));
        var budget = Throughput.KvCacheBudget(model, requests[^1]);
        if (needed > budget)
        {
            throw new UsageException(
                $"--requests goes up to {requests[^1]}, whose KV caches may take {Quantity.Bytes(needed)}, expected at most {Quantity.Bytes(budget)}: ask for fewer requests or --max-tokens");
        }
    }

    /// <summary>As a request does without options; but a synthetic model of which no exit is better than another drafts by fixed ones, and where an exit is needed there is one.</summary>
    private DecodingOptions Draft(ParseResult arguments, LayerSkipModel model, bool isSynthetic)
    {
        var draft = _decoding.ReadDraft(arguments, model);
        var isFixed = draft.DraftController is null && ((isSynthetic && model.Defaults.ExitLayer is null) || draft.ExitLayer is not null || draft.NumSpeculations is not null);
        var controller = isFixed ? DraftController.Fixed : draft.DraftController ?? model.Defaults.DraftController;
        var needsExit = isFixed || (controller is not (null or DraftController.Auto or DraftController.Dynamic)
            && (draft.DraftSource ?? model.Defaults.DraftSource) != DraftSource.Lookup);
        return draft with
        {
            DraftController = controller,
            ExitLayer = draft.ExitLayer ?? (needsExit ? DecodingArguments.ExitOf(model, draft.DraftWeights) : null),
            NumSpeculations = draft.NumSpeculations ?? (isFixed ? DecodingArguments.Speculations(model.Defaults) : null),
        };
    }

    private static IReadOnlyList<int> Grown(string option, IReadOnlyList<int>? asked, LayerSkipModel model) => asked switch
    {
        null => [],
        { Count: > MostGrown } => throw new UsageException($"{option} has {asked.Count} values, expected at most {MostGrown}"),
        _ when asked[^1] > model.Config.MaxPositions => throw new UsageException(
            $"{option} goes up to {asked[^1]}, expected at most {model.Config.MaxPositions}: the model's context (of a synthetic model: context=... in its shape)"),
        _ => asked,
    };

    private int PromptTokens(ParseResult arguments, LayerSkipModel model)
    {
        var longest = model.Config.MaxPositions - 1;
        var asked = arguments.GetValue(_promptTokens);
        return asked is null || asked <= longest
            ? asked ?? Math.Min(DefaultPromptTokens, longest)
            : throw new UsageException($"--prompt-tokens is {asked}, expected at most {longest}: the model's context is {model.Config.MaxPositions}");
    }

    private int[][] Encode(ParseResult arguments, LayerSkipModel model, IReadOnlyList<string> prompts) => PromptSource.Encode(
        prompts,
        model,
        arguments.GetValue(_chat) ? ChatPrompt.Load(arguments.GetRequiredValue(_model.Directory), model.Tokenizer, _terminal) : null);

    private static int[][] RandomPrompts(int count, int length, ModelConfig config)
    {
        var random = new Random(1);
        return [.. Enumerable.Range(0, count).Select(_ => Enumerable.Range(0, length).Select(_ => random.Next(config.VocabularySize)).ToArray())];
    }

    private static int[] Repeat(IReadOnlyList<int[]> prompts, int length)
    {
        var tokens = prompts.SelectMany(prompt => prompt).ToArray();
        return [.. Enumerable.Range(0, length).Select(index => tokens[index % tokens.Length])];
    }

    private static IEnumerable<string> Notes(BenchReport report, LayerSkipModel model, bool isSynthetic)
    {
        var bits = 8.0 * report.WeightBytesPerToken / ((ModelSize.LayerMatrices(model.Config) * model.Config.Layers) + ModelSize.Head(model.Config));
        var all = report.WeightFormat switch { "f32" => 32, "bf16" => 16, _ => 0 };
        if (bits < all - 0.5)
        {
            yield return $"the weights are kept compressed, without loss, in {bits:0.0} bits each; --compression never keeps all {all}";
        }

        if (isSynthetic)
        {
            yield return model.Defaults.ExitLayer is not { } exit
                ? report.ExitLayer == model.Config.Layers && report.DraftWeights != "exact"
                    ? "random weights, whose logits lie as close together as can be: coarse weights guess them wrong more often than a trained checkpoint's"
                    : "random weights: acceptance and speedup of a synthetic model mean nothing, tokens/s and shares do"
                : report.DraftWeights != "exact"
                    ? $"random weights, made so that exit {exit} guesses what the model writes, but with logits that lie as close together as can be, which {report.DraftWeights} weights often guess wrong"
                    : $"random weights, made so that exit {exit} guesses what the model writes: a checkpoint of this shape gains less where its drafts are accepted less";
        }

        if (report.BandwidthShare > 1)
        {
            yield return "a share of read bandwidth above 100 % means that weights come from a cache in part, or that memory was faster during the runs than before and after them";
        }

        if (report.DecodeRuns < report.Runs)
        {
            yield return report.DecodeRuns == 0
                ? "the answers were too short to measure decoding alone: each came in one round"
                : $"in {report.Runs - report.DecodeRuns} of {Quantity.Of(report.Runs, "run")} each answer came in one round: the others alone tell how fast decoding alone is";
        }
    }
}
