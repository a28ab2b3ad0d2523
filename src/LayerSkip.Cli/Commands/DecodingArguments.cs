using System.CommandLine;
using System.Globalization;
using LayerSkip.Engine;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Sampling;

namespace LayerSkip.Cli.Commands;

/// <summary>The options that say how to decode.</summary>
internal sealed class DecodingArguments
{
    /// <summary>Tokens generated at most where neither the user nor the checkpoint says.</summary>
    private const int DefaultMaxTokens = 256;

    /// <summary>Tokens drafted in a round at most where neither the user nor the checkpoint says.</summary>
    public const int DefaultSpeculations = 4;

    /// <summary>Most tokens that can be asked to be drafted in a round.</summary>
    public const int MostSpeculations = 64;

    private readonly Option<int?> _maxTokens = CheckedOption.Integer(
        "--max-tokens", "N", $"Most tokens to generate (default: the checkpoint's max_new_tokens, else {DefaultMaxTokens}).", 1);

    private readonly Option<float?> _temperature = CheckedOption.Number(
        "--temperature", "T", "0 is greedy (default: the checkpoint's if it says do_sample, else 0).", "a number of at least 0", value => value >= 0);

    private readonly Option<int?> _topK = CheckedOption.Integer(
        "--top-k", "K", "When sampling, keep the K most likely tokens; 0 keeps all (default: the checkpoint's if it says do_sample, else 0).", 0);

    private readonly Option<float?> _topP = CheckedOption.Number(
        "--top-p",
        "P",
        "When sampling, keep the most likely tokens that together reach P; 1 keeps all (default: the checkpoint's if it says do_sample, else 1).",
        "a number above 0 and at most 1",
        value => value is > 0 and <= 1);

    private readonly Option<float?> _minP = CheckedOption.Number(
        "--min-p",
        "P",
        "When sampling, keep the tokens at least P times as likely as the likeliest; 0 keeps all (default: the checkpoint's if it says do_sample, else 0).",
        "a number from 0 to 1",
        value => value is >= 0 and <= 1);

    private readonly Option<ulong?> _seed = CheckedOption.Create(
        "--seed", "S", "Seed of the sampling, 64 bits (default: drawn).", "an integer from 0 to 18446744073709551615", (string text, out ulong? value) =>
        {
            var parsed = ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number);
            value = number;
            return parsed;
        });

    private readonly Option<DecodingMode?> _mode = CheckedOption.Choice(
        "--mode",
        "How to decode; early-exit is lossy (default: self-speculative where the checkpoint declares drafts, or --exit-layer, --controller, --draft-source or coarse --draft-weights is given, else autoregressive).",
        [.. Enum.GetValues<DecodingMode>().Select(mode => (ModeName.Of(mode), mode))]);

    /// <summary>Exit layer E.</summary>
    /// <remarks>Any integer: only the model tells which are right.</remarks>
    public Option<int?> ExitLayer { get; } = CheckedOption.Integer(
        "--exit-layer", "E", "Layers the draft runs, or those of early-exit, 1..L-1; all L draft by coarse --draft-weights (default: the checkpoint's, else L by coarse weights).", int.MinValue);

    /// <summary>Speculation length d.</summary>
    public Option<int?> NumSpeculations { get; } = CheckedOption.Integer(
        "--num-speculations",
        "D",
        "Most tokens drafted in a round; 0 drafts nothing (default: the checkpoint's, else 4, of controller fixed; with auto and dynamic at least 16; with others the checkpoint's, else 16).",
        0,
        MostSpeculations);

    /// <summary>What decides about drafts.</summary>
    public Option<DraftController?> Controller { get; } = CheckedOption.Choice(
        "--controller",
        "What decides how deep and how far drafts go; no matter for the output (default: fixed where --exit-layer or --num-speculations is given, else the checkpoint's, else auto; on a GPU fixed where the checkpoint declares an exit layer).",
        [.. Enum.GetValues<DraftController>().Select(controller => (controller.ToString().ToLowerInvariant(), controller))]);

    /// <summary>A controller's threshold.</summary>
    public Option<float?> DraftThreshold { get; } = CheckedOption.Number(
        "--draft-threshold",
        "P",
        "Of confidence: a token below this probability ends a draft; of adaptive: the acceptance rate to keep to (default: the checkpoint's, else 0.6 and 0.9).",
        "a number from 0 to 1",
        value => value is >= 0 and <= 1);

    /// <summary>Where drafts come from.</summary>
    public Option<DraftSource?> Source { get; } = CheckedOption.Choice(
        "--draft-source",
        "Where drafts come from: the model's first layers, earlier text, or that first and else the layers (default: the checkpoint's, else combined with auto and exit with others).",
        [.. Enum.GetValues<DraftSource>().Select(source => (source.ToString().ToLowerInvariant(), source))]);

    /// <summary>By which weights drafts run.</summary>
    public Option<DraftWeights?> Weights { get; } = WeightsOption();

    /// <summary>The option that says by which weights drafts run.</summary>
    public static Option<DraftWeights?> WeightsOption() => CheckedOption.Choice(
        "--draft-weights",
        "By which weights drafts run the layers below their exit, on a CPU: the model's own, or a copy of them in few bits, which takes memory besides, and may draft by all layers; the output is the same (default: the checkpoint's, else exact).",
        [.. Enum.GetValues<DraftWeights>().Select(weights => (weights.ToString().ToLowerInvariant(), weights))]);

    /// <summary>By which weights a model drafts, of those asked for and declared.</summary>
    public static string WeightsOf(LayerSkipModel model, DraftWeights? asked)
    {
        var weights = model.Plan(new DecodingOptions { Mode = DecodingMode.SelfSpeculative, DraftController = DraftController.Auto, DraftWeights = asked }).DraftWeights;
        return (model.Steps.DraftsBy(weights) ? weights : DraftWeights.Exact).ToString().ToLowerInvariant();
    }

    public void AddTo(Command command)
    {
        command.Add(_maxTokens);
        command.Add(_temperature);
        command.Add(_topK);
        command.Add(_topP);
        command.Add(_minP);
        command.Add(_seed);
        command.Add(_mode);
        command.Add(ExitLayer);
        command.Add(NumSpeculations);
        command.Add(Controller);
        command.Add(DraftThreshold);
        command.Add(Source);
        command.Add(Weights);
    }

    /// <summary>Completes the options with the checkpoint's defaults.</summary>
    /// <param name="arguments">What was given.</param>
    /// <param name="model">The model.</param>
    /// <param name="terminal">Told which options about the choice of tokens have no effect.</param>
    /// <exception cref="UsageException">They do not fit the model.</exception>
    public DecodingOptions Read(ParseResult arguments, LayerSkipModel model, Terminal terminal)
    {
        var mode = ReadMode(arguments);
        var exitLayer = ReadExitLayer(arguments, model.Config, model.Defaults);
        if (exitLayer is null && NeedsExitLayer(arguments, mode, model) is { } what)
        {
            throw new UsageException($"{what} needs --exit-layer (1..{model.Config.Layers - 1}): {model.Name} declares none{(model.Defaults.ExitLayer is null ? "" : " but that after all layers")}");
        }

        var options = ReadDraft(arguments, model) with
        {
            Mode = mode,
            MaxNewTokens = arguments.GetValue(_maxTokens) ?? model.Defaults.MaxNewTokens ?? DefaultMaxTokens,
            Sampling = ReadSampling(arguments, model.Defaults),
        };
        if (options.Sampling.IsGreedy)
        {
            terminal.NoteUnused(arguments, "the temperature is 0, so the likeliest token is always taken", _topK, _topP, _minP, _seed);
        }

        return options;
    }

    /// <summary>Says which of the options about drafts have no effect.</summary>
    /// <param name="arguments">What was given.</param>
    /// <param name="model">The model.</param>
    /// <param name="options">As they are used.</param>
    /// <param name="terminal">Told.</param>
    public void NoteUnusedDrafting(ParseResult arguments, LayerSkipModel model, DecodingOptions options, Terminal terminal)
    {
        var plan = model.Plan(options);
        if (plan.Mode == DecodingMode.SelfSpeculative && plan.Source != DraftSource.Lookup)
        {
            NoteExactWeights(arguments, model, Weights, terminal);
            if (plan.ExitLayer == model.Config.Layers && !model.Steps.DraftsBy(plan.DraftWeights))
            {
                terminal.Note($"no exit drafts: that after all {model.Config.Layers} layers takes a copy of them in coarse weights, which {model.Name} has not on {model.Device}, {model.WeightFormat.ToString().ToLowerInvariant()}");
            }
        }

        switch (plan.Mode)
        {
            case DecodingMode.Autoregressive:
                var drafts = arguments.GetValue(NumSpeculations) != 0;
                var reason = !drafts ? "--num-speculations 0 drafts nothing"
                    : options.Mode is null ? $"{model.Name} decodes autoregressively by default, which drafts nothing; --exit-layer or --mode self-speculative drafts"
                    : "--mode autoregressive drafts nothing";
                terminal.NoteUnused(arguments, reason, [ExitLayer, .. drafts ? (Option[])[NumSpeculations] : [], Controller, DraftThreshold, Source, Weights]);
                break;
            case DecodingMode.EarlyExit:
                terminal.NoteUnused(arguments, "--mode early-exit drafts nothing", NumSpeculations, Controller, DraftThreshold, Source, Weights);
                break;
            case DecodingMode.SelfSpeculative when plan.Source == DraftSource.Lookup:
                terminal.NoteUnused(arguments, "with the draft source lookup no layer drafts", ExitLayer, DraftThreshold, Weights);
                break;
            case DecodingMode.SelfSpeculative when plan.Controller is not (DraftController.Confidence or DraftController.Adaptive):
                terminal.NoteUnused(
                    arguments, $"the controller is {plan.Controller.ToString().ToLowerInvariant()}, and confidence and adaptive alone go by a threshold", DraftThreshold);
                break;
        }
    }

    /// <summary>Says that drafts go by the model's own weights, where others are asked for and would save nothing.</summary>
    public static void NoteExactWeights(ParseResult arguments, LayerSkipModel model, Option<DraftWeights?> weights, Terminal terminal)
    {
        if (arguments.GetValue(weights) is { } asked && DecodingPlan.IsCoarse(asked) && !model.Steps.DraftsBy(asked))
        {
            terminal.NoteUnused(arguments, $"{model.Name} has no such copy on {model.Device}, {model.WeightFormat.ToString().ToLowerInvariant()}", weights);
        }
    }

    /// <summary>The options that say how to draft, alone.</summary>
    /// <exception cref="UsageException">The exit layer does not lie in 1..L-1, and is not L where that drafts by coarse weights.</exception>
    public DecodingOptions ReadDraft(ParseResult arguments, LayerSkipModel model) => new()
    {
        ExitLayer = ReadExitLayer(arguments, model.Config, model.Defaults),
        NumSpeculations = arguments.GetValue(NumSpeculations) is > 0 and var length ? length : null,
        DraftController = arguments.GetValue(Controller),
        DraftThreshold = arguments.GetValue(DraftThreshold),
        DraftSource = arguments.GetValue(Source),
        DraftWeights = arguments.GetValue(Weights),
    };

    /// <summary>The mode asked for; drafts of no tokens ask for one, too.</summary>
    /// <exception cref="UsageException">Drafts are asked for, and none.</exception>
    private DecodingMode? ReadMode(ParseResult arguments) => (arguments.GetValue(_mode), arguments.GetValue(NumSpeculations)) switch
    {
        (DecodingMode.SelfSpeculative, 0) => throw new UsageException("--num-speculations is 0, which drafts nothing, expected at least 1 with --mode self-speculative"),
        (null, 0) => DecodingMode.Autoregressive,
        (var mode, _) => mode,
    };

    /// <summary>The option that needs an exit layer, or null: controllers that choose the exit, and look-up, need none.</summary>
    private string? NeedsExitLayer(ParseResult arguments, DecodingMode? mode, LayerSkipModel model)
    {
        var defaults = model.Defaults;
        var isCoarse = DecodingPlan.IsCoarse(arguments.GetValue(Weights) ?? defaults.DraftWeights);
        if (DecodingPlan.DeclaredExit(defaults, model.Config.Layers, mayRunAll: isCoarse && mode != DecodingMode.EarlyExit) is not null)
        {
            return null;
        }

        var asked = arguments.GetValue(Controller);
        var controller = asked ?? (arguments.GetValue(NumSpeculations) is null ? defaults.DraftController ?? DraftController.Auto : DraftController.Fixed);
        var chooses = controller is DraftController.Auto or DraftController.Dynamic
            || (arguments.GetValue(Source) ?? defaults.DraftSource) == DraftSource.Lookup
            || isCoarse;
        return mode == DecodingMode.EarlyExit || (mode == DecodingMode.SelfSpeculative && !chooses) ? $"--mode {ModeName.Of(mode.Value)}"
            : mode is null && asked is { } given && !chooses ? $"--controller {given.ToString().ToLowerInvariant()}"
            : null;
    }

    /// <summary>The exit layer asked for, checked against the model's depth.</summary>
    /// <exception cref="UsageException">It does not lie in 1..L-1, and is not L where that drafts by coarse weights.</exception>
    public int? ReadExitLayer(ParseResult arguments, ModelConfig config, GenerationDefaults defaults)
    {
        var whyNot = arguments.GetValue(_mode) == DecodingMode.EarlyExit ? "and --mode early-exit answers from one before the last"
            : arguments.GetValue(Controller) == DraftController.Dynamic ? "and the controller dynamic knows exits before the last alone"
            : WhyNotByAll(DecodingPlan.IsCoarse(arguments.GetValue(Weights) ?? defaults.DraftWeights));
        return arguments.GetValue(ExitLayer) is { } exitLayer ? CheckExitLayer(exitLayer, config, whyNot) : null;
    }

    /// <summary>Why all layers draft nothing; null: they do, by coarse weights.</summary>
    /// <param name="isCoarse">Whether there are such.</param>
    public static string? WhyNotByAll(bool isCoarse) => isCoarse ? null : "all of which draft by a copy in coarse --draft-weights alone";

    /// <summary>Checks an exit layer against the model's depth.</summary>
    /// <param name="exitLayer">The exit layer.</param>
    /// <param name="config">The model's shape.</param>
    /// <param name="whyNotByAll">Why the exit after all layers is none; null: it is one.</param>
    /// <returns>The exit layer.</returns>
    /// <exception cref="UsageException">It does not lie in 1..L-1, and is not L where that is one.</exception>
    public static int CheckExitLayer(int exitLayer, ModelConfig config, string? whyNotByAll)
    {
        var last = whyNotByAll is null ? config.Layers : config.Layers - 1;
        return exitLayer >= 1 && exitLayer <= last
            ? exitLayer
            : throw new UsageException($"--exit-layer is {exitLayer}, {(last == 0
                ? "but the model has one layer, expected at least 2: there is nothing to exit from"
                : $"expected 1..{last}: the model has {config.Layers} layers{(exitLayer == config.Layers ? $", {whyNotByAll}" : "")}")}");
    }

    /// <summary>Weights that drafts can go by beside the model's own; null: there is no copy in them.</summary>
    private static DraftWeights? Copied(LayerSkipModel model, DraftWeights? weights) => weights is { } coarse && model.Steps.DraftsBy(coarse) ? coarse : null;

    /// <summary>The speculation length to measure with where none is asked for: the checkpoint's, unless it says not to draft.</summary>
    public static int Speculations(GenerationDefaults defaults) =>
        defaults.NumSpeculations is > 0 and var own ? Math.Min(own, MostSpeculations) : DefaultSpeculations;

    /// <summary>The exit layer to measure with where none is asked for: the checkpoint's, else all layers by coarse weights, else a third of them.</summary>
    public static int ExitOf(LayerSkipModel model, DraftWeights? asked)
    {
        var isCoarse = Copied(model, asked ?? model.Defaults.DraftWeights) is not null;
        return DecodingPlan.DeclaredExit(model.Defaults, model.Config.Layers, isCoarse) ?? (isCoarse ? model.Config.Layers : Math.Max(1, model.Config.Layers / 3));
    }

    /// <summary>The exit layers asked for, checked; all that the model can draft by where the list is empty.</summary>
    /// <param name="exitLayers">The exit layers.</param>
    /// <param name="model">The model.</param>
    /// <param name="weights">By which weights they draft.</param>
    /// <exception cref="UsageException">One does not lie in 1..L-1, and is not L where that drafts, or the model has one layer.</exception>
    public static IReadOnlyList<int> ExpandExitLayers(IReadOnlyList<int> exitLayers, LayerSkipModel model, DraftWeights? weights) => model.Config.Layers < 2
        ? throw new UsageException($"{model.Name} has one layer, expected at least 2: there is nothing to exit from")
        : exitLayers.Count == 0
            ? [.. Enumerable.Range(1, DecodingPlan.LastExit(model.Config.Layers, Copied(model, weights)))]
            : [.. exitLayers.Select(exit => CheckExitLayer(exit, model.Config, WhyNotByAll(model.Steps.DraftsBy(weights ?? DraftWeights.Exact))))];

    private SamplingOptions ReadSampling(ParseResult arguments, GenerationDefaults defaults)
    {
        var topP = arguments.GetValue(_topP);
        var own = (topP is null ? defaults : defaults with { TopP = topP }).Sampling;
        return own with
        {
            Temperature = arguments.GetValue(_temperature) ?? own.Temperature,
            TopK = arguments.GetValue(_topK) ?? own.TopK,
            MinP = arguments.GetValue(_minP) ?? own.MinP,
            Seed = arguments.GetValue(_seed),
        };
    }
}
