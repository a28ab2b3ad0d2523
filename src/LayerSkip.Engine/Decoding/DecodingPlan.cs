using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Sampling;

namespace LayerSkip.Engine.Decoding;

/// <summary>Decoding options, completed from the checkpoint and checked against the model.</summary>
internal sealed class DecodingPlan
{
    /// <summary>Longest speculation length: bounds the row slots and distributions of a round.</summary>
    public const int MaxSpeculations = 64;

    private const int DefaultSpeculations = 4;

    // Where the controller decides how far it goes.
    private const int DefaultLongest = 16;
    private const float DefaultConfidence = 0.6f;
    private const float DefaultAcceptance = 0.9f;

    private DecodingPlan()
    {
    }

    public required DecodingMode Mode { get; init; }

    /// <summary>Layers of the draft, of the first one where the controller chooses; the model's depth where nothing is drafted, or all layers draft, by coarse weights.</summary>
    public required int ExitLayer { get; init; }

    /// <summary>Whether the request gives the exit layer, so that no other is used.</summary>
    public required bool IsExitFixed { get; init; }

    /// <summary>Whether the request or the checkpoint recommends the exit layer.</summary>
    public required bool IsExitDeclared { get; init; }

    /// <summary>Tokens drafted in a round at most; 0 where nothing is drafted.</summary>
    public required int NumSpeculations { get; init; }

    /// <summary>What decides about drafts.</summary>
    public required DraftController Controller { get; init; }

    /// <summary>Where drafts come from.</summary>
    public required DraftSource Source { get; init; }

    /// <summary>By which weights drafts run the layers below their exit, on a device that has others than its own.</summary>
    public required DraftWeights DraftWeights { get; init; }

    /// <summary>The threshold of <see cref="DraftController.Confidence"/> or the target of <see cref="DraftController.Adaptive"/>.</summary>
    public required float DraftThreshold { get; init; }

    /// <summary>Whether drafts may go by less than the whole head: the checkpoint's draft vocabulary, or what else the device has for them.</summary>
    public required bool UsesDraftHead { get; init; }

    /// <summary>Layers that decide a token: the exit layer in <see cref="DecodingMode.EarlyExit"/>, else all.</summary>
    public required int Depth { get; init; }

    public required int MaxNewTokens { get; init; }

    /// <summary>Whether a constraint may write what is certain without asking the model.</summary>
    public bool TakesCertainText => Constraint?.TakesCertainText == true;

    /// <summary>Most tokens of a draft, of which the model guesses so many. What a constraint forces is no guess.</summary>
    public int DraftRoom(int guesses) => TakesCertainText ? MaxSpeculations : guesses;

    public required SamplingOptions Sampling { get; init; }

    /// <summary>Whether the most likely token is always taken, as the model's own logits have it: a device finds it by itself.</summary>
    public bool ChoosesBest => Sampling.IsGreedy && LogitsProcessors.Length == 0;

    /// <summary>Whether tokens are drawn as the model's own logits have it: a device that can draws them by itself.</summary>
    public bool DrawsUnaided => !Sampling.IsGreedy && LogitsProcessors.Length == 0 && Constraint is null;

    public required int[] StopIds { get; init; }

    public required ILogitsProcessor[] LogitsProcessors { get; init; }

    public required TokenConstraint? Constraint { get; init; }

    public required int? TopLogProbabilities { get; init; }

    public required string? PrefixScope { get; init; }

    /// <summary>Whether drafts are to go by a coarse copy of the layers.</summary>
    public static bool IsCoarse(DraftWeights? weights) => weights is not (null or DraftWeights.Exact);

    /// <summary>The deepest exit that may draft: by coarse weights all layers may. 0: none may.</summary>
    public static int LastExit(int layers, DraftWeights? weights) => IsCoarse(weights) ? layers : layers - 1;

    /// <summary>The exits that may draft, for errors of checkpoints.</summary>
    public static string DescribeExits(int layers, DraftWeights? weights) =>
        $"an integer from 1 to {LastExit(layers, weights)}{(IsCoarse(weights) ? "" : $" ({layers} with coarse draft_weights)")}";

    /// <summary>The checkpoint's exit layer, but not where it recommends drafts by all layers and the request asks for others.</summary>
    public static int? DeclaredExit(GenerationDefaults defaults, int layers, bool mayRunAll) => defaults.ExitLayer == layers && !mayRunAll ? null : defaults.ExitLayer;

    /// <summary>Completes and checks a request.</summary>
    /// <param name="options">What was asked for.</param>
    /// <param name="config">The model's shape.</param>
    /// <param name="defaults">What the checkpoint declares.</param>
    /// <param name="runsRounds">Whether the device runs rounds of a fixed draft as a whole, so that such drafts are the default where the checkpoint declares an exit.</param>
    /// <param name="draftsBy">Whether the device has a copy in coarse weights to draft by; null: it has all.</param>
    /// <exception cref="ArgumentOutOfRangeException">A value is outside its range.</exception>
    /// <exception cref="ArgumentException">A draft or early exit is asked for, but no exit layer is known.</exception>
    public static DecodingPlan Create(DecodingOptions options, ModelConfig config, GenerationDefaults defaults, bool runsRounds = false, Func<DraftWeights, bool>? draftsBy = null)
    {
        DecodingOptionsCheck.Require(options, config);
        var asksForDrafts = options.ExitLayer is not null || options.DraftController is not null || options.DraftSource is not null || HasCopy(options.DraftWeights)
            || (defaults.NumSpeculations != 0 && (DeclaredExit(defaults, config.Layers, HasCopy(defaults.DraftWeights)) is not null
                || defaults.DraftController is not null || defaults.DraftSource is not null || HasCopy(defaults.DraftWeights)));
        var mode = options.Mode ?? (asksForDrafts ? DecodingMode.SelfSpeculative : DecodingMode.Autoregressive);

        // Who gives a depth or a length wants just these.
        var drafts = mode == DecodingMode.SelfSpeculative;
        var unasked = runsRounds && defaults.ExitLayer < config.Layers ? DraftController.Fixed : DraftController.Auto;
        var controller = options.DraftController
            ?? (options.ExitLayer is not null || options.NumSpeculations is not null ? DraftController.Fixed : defaults.DraftController ?? unasked);
        var source = options.DraftSource ?? defaults.DraftSource ?? (controller == DraftController.Auto ? DraftSource.Combined : DraftSource.Exit);
        var choosesExit = drafts && (controller is DraftController.Auto or DraftController.Dynamic || source == DraftSource.Lookup);
        var weights = drafts ? options.DraftWeights ?? defaults.DraftWeights ?? DraftWeights.Exact : DraftWeights.Exact;
        var mayRunAll = IsCoarse(weights) && controller != DraftController.Dynamic;
        var declared = options.ExitLayer ?? DeclaredExit(defaults, config.Layers, mayRunAll);
        var exitLayer = mode == DecodingMode.Autoregressive
            ? config.Layers
            : DraftLayers(options, declared, mode, choosesExit, mayRunAll, config.Layers);
        return new DecodingPlan
        {
            Mode = mode,
            ExitLayer = exitLayer,
            IsExitFixed = options.ExitLayer is not null,
            IsExitDeclared = declared is not null,
            NumSpeculations = drafts ? Longest(options, defaults, controller) : 0,
            Controller = controller,
            Source = source,
            DraftWeights = weights,
            DraftThreshold = Threshold(options, defaults, controller),
            UsesDraftHead = drafts && !options.DraftByWholeHead,
            Depth = mode == DecodingMode.EarlyExit ? exitLayer : config.Layers,
            MaxNewTokens = options.MaxNewTokens ?? int.MaxValue,
            Sampling = options.Sampling ?? SamplingOptions.Greedy,
            StopIds = [.. (options.IgnoreEndOfSequence ? [] : defaults.EndOfSequenceIds).Union(options.StopTokenIds)],
            LogitsProcessors = [.. options.LogitsProcessors],
            Constraint = options.Constraint,
            TopLogProbabilities = options.TopLogProbabilities,
            PrefixScope = options.PrefixScope,
        };

        bool HasCopy(DraftWeights? asked) => IsCoarse(asked) && draftsBy?.Invoke(asked!.Value) != false;
    }

    /// <summary>The layer that the request or the checkpoint gives, else all where they may draft, else, where the controller may choose, the one that it begins with.</summary>
    private static int DraftLayers(DecodingOptions options, int? declared, DecodingMode mode, bool choosesExit, bool mayRunAll, int layers) => declared switch
    {
        null when mayRunAll => layers,
        null when choosesExit => Math.Max(1, layers / 4),
        null => throw new ArgumentException(
            $"ExitLayer is missing, expected 1..{layers - 1}: the mode {mode} needs it, and the checkpoint declares none for it.", nameof(options)),
        { } exit when exit >= 1 && (exit < layers || (exit == layers && mayRunAll)) => exit,
        { } exit => throw new ArgumentOutOfRangeException(
            nameof(options),
            exit,
            $"ExitLayer must lie in 1..{layers - 1}: the model has {layers} layers, and all of them draft by coarse DraftWeights alone, in the mode SelfSpeculative and with any DraftController but Dynamic."),
    };

    private static int Longest(DecodingOptions options, GenerationDefaults defaults, DraftController controller)
    {
        var asked = options.NumSpeculations ?? (defaults.NumSpeculations is > 0 and var own ? own : null);
        return Math.Clamp(
            controller is DraftController.Auto or DraftController.Dynamic
                ? options.NumSpeculations ?? Math.Max(defaults.NumSpeculations ?? 0, DefaultLongest)
                : asked ?? (controller == DraftController.Fixed ? DefaultSpeculations : DefaultLongest),
            1,
            MaxSpeculations);
    }

    /// <summary>The checkpoint's threshold is meant for the checkpoint's controller.</summary>
    private static float Threshold(DecodingOptions options, GenerationDefaults defaults, DraftController controller) =>
        options.DraftThreshold
        ?? (defaults.DraftController == controller ? defaults.DraftThreshold : null)
        ?? (controller == DraftController.Adaptive ? DefaultAcceptance : DefaultConfidence);
}
