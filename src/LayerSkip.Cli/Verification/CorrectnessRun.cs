using LayerSkip.Cli.Evaluation;
using LayerSkip.Cli.Reports;
using LayerSkip.Engine;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Sampling;

namespace LayerSkip.Cli.Verification;

/// <summary>Decodes prompts without drafts, and again with each controller, each time with other random settings: the tokens must be the same.</summary>
/// <param name="evaluator">The prompts, and what answers to them may be.</param>
/// <param name="controllers">The controllers.</param>
/// <param name="sources">Sources of drafts to choose among.</param>
/// <param name="weights">Weights to choose among that drafts go by.</param>
/// <param name="exitLayers">Exit layers to choose among; empty: all of the model's.</param>
/// <param name="temperature">0: greedy; else what is drawn, with a seed for each prompt.</param>
/// <param name="seed">Chooses the settings.</param>
internal sealed class CorrectnessRun(
    Evaluator evaluator,
    IReadOnlyList<DraftController> controllers,
    IReadOnlyList<DraftSource> sources,
    IReadOnlyList<DraftWeights> weights,
    IReadOnlyList<int> exitLayers,
    float temperature,
    int seed)
{
    private const int MostSpeculations = 16;
    private const int ShownTokens = 8;

    private readonly List<CorrectnessCellReport> _cells = [];

    /// <summary>A cell for each weight format and controller so far.</summary>
    public IReadOnlyList<CorrectnessCellReport> Cells => _cells;

    /// <summary>Whether any answer is held to what its prompt says, where that is asked for.</summary>
    public bool IsGrounded { get; } = evaluator.Rows.Any(row => row.Frame is not null);

    /// <summary>The first output that differed.</summary>
    public MismatchReport? FirstMismatch { get; private set; }

    /// <summary>Compares all prompts' outputs on a model.</summary>
    /// <param name="model">The checkpoint in one weight format.</param>
    /// <param name="progress">Told the share done, 0..1.</param>
    /// <param name="cancellationToken">Looked at between layers.</param>
    public void Add(LayerSkipModel model, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        var format = NameOf(model.WeightFormat);
        var cells = controllers.Select(controller => new CorrectnessCellReport(format, NameOf(controller), 0, 0, 0, 0, 0, 0)).ToArray();
        for (var row = 0; row < evaluator.Prompts.Count; row++)
        {
            var plain = new DecodingOptions
            {
                Mode = DecodingMode.Autoregressive,
                MaxNewTokens = evaluator.MaxTokens(model),
                Constraint = evaluator.Constrain(row),
                Sampling = temperature > 0 ? new() { Temperature = temperature, Seed = (ulong)((seed * 1_000_003L) + row) } : SamplingOptions.Greedy,
            };
            using var expected = Decode(model, row, plain, cancellationToken);
            for (var i = 0; i < controllers.Count; i++)
            {
                var options = Draw(plain, row, i, model.Config.Layers);
                using var actual = Decode(model, row, options, cancellationToken);
                var isSame = actual.Output.SequenceEqual(expected.Output) && actual.FinishReason == expected.FinishReason;
                var statistics = actual.Statistics;
                cells[i] = cells[i] with
                {
                    Comparisons = cells[i].Comparisons + 1,
                    Mismatches = cells[i].Mismatches + (isSame ? 0 : 1),
                    Tokens = cells[i].Tokens + statistics.Tokens,
                    Drafted = cells[i].Drafted + statistics.Drafted,
                    Accepted = cells[i].Accepted + statistics.Accepted,
                    Copied = cells[i].Copied + statistics.LookupAccepted,
                };
                if (!isSame)
                {
                    FirstMismatch ??= Describe(row, format, options, expected, actual);
                }
            }

            progress?.Report((row + 1.0) / evaluator.Prompts.Count);
        }

        _cells.AddRange(cells);
    }

    private Generation Decode(LayerSkipModel model, int row, DecodingOptions options, CancellationToken cancellationToken)
    {
        var generation = model.Generate(evaluator.Prompts[row], options);
        try
        {
            while (generation.NextRound(cancellationToken))
            {
            }

            return generation;
        }
        catch
        {
            generation.Dispose();
            throw;
        }
    }

    /// <summary>How a prompt is decoded with drafts: the same in every process, so that what is found can be found again.</summary>
    /// <param name="plain">How it is decoded without.</param>
    /// <param name="row">The prompt's number.</param>
    /// <param name="index">The controller's number.</param>
    /// <param name="layers">L.</param>
    public DecodingOptions Draw(DecodingOptions plain, int row, int index, int layers)
    {
        var random = new Random((int)ExponentialRace.Mix(ExponentialRace.Mix(ExponentialRace.Mix((ulong)seed) + (ulong)row) + (ulong)index));
        var controller = controllers[index];
        var draftWeights = weights[random.Next(weights.Count)];
        var deepest = controller == DraftController.Dynamic ? layers - 1 : DecodingPlan.LastExit(layers, draftWeights);

        // Where controllers choose exits, every other time among all of them.
        var chooses = controller is DraftController.Auto or DraftController.Dynamic && exitLayers.Count == 0 && random.Next(2) == 0;
        return plain with
        {
            Mode = DecodingMode.SelfSpeculative,
            DraftController = controller,
            DraftSource = sources[random.Next(sources.Count)],
            ExitLayer = chooses ? null : exitLayers.Count > 0 ? exitLayers[random.Next(exitLayers.Count)] : random.Next(1, deepest + 1),
            NumSpeculations = random.Next(1, MostSpeculations + 1),
            DraftThreshold = random.NextSingle(),
            DraftWeights = draftWeights,
        };
    }

    private MismatchReport Describe(int row, string format, DecodingOptions options, Generation expected, Generation actual)
    {
        var position = expected.Output.CommonPrefixLength(actual.Output);
        return new(
            evaluator.Rows[row].Source,
            format,
            NameOf(options.DraftController!.Value),
            NameOf(options.DraftSource!.Value),
            NameOf(options.DraftWeights!.Value),
            options.ExitLayer,
            options.NumSpeculations!.Value,
            options.DraftThreshold!.Value,
            position,
            From(expected),
            From(actual));

        int[] From(Generation generation) => generation.Output.Slice(position, Math.Min(ShownTokens, generation.Output.Length - position)).ToArray();
    }

    private static string NameOf<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();
}
