using LayerSkip.Engine;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Cli.Tuning;

/// <summary>A prompt's answer at full depth, and beside every token of it what each exit would have drafted there: its shadow.</summary>
/// <remarks>A draft sees the same keys and values as the full model's first layers, so as long as a draft is right the next shadow is the next draft.</remarks>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="Tokens">Token ids of the answer, with the end-of-sequence token that ended it.</param>
/// <param name="Shadows">For each exit layer 1 .. L - 1, as many tokens as the answer has.</param>
internal sealed record ShadowedAnswer(int PromptTokens, IReadOnlyList<int> Tokens, IReadOnlyList<int[]> Shadows)
{
    /// <summary>What all layers would have drafted, as many tokens, by those coarse weights that the device has.</summary>
    public IReadOnlyDictionary<DraftWeights, int[]> CoarseShadows { get; init; } = new Dictionary<DraftWeights, int[]>();

    /// <summary>Answers a prompt greedily, then runs the answer through the layers once more, with the draft's head after each, and through coarse copies of all.</summary>
    public static ShadowedAnswer Record(LayerSkipModel model, int[] prompt, int maxTokens, CancellationToken cancellationToken)
    {
        DraftWeights[] coarse =
        [
            .. Enum.GetValues<DraftWeights>().Where(weights =>
                model.Steps.DraftsBy(weights) && model.Steps.PrepareDraftLayers(model.Config.Layers, weights, cancellationToken)),
        ];
        using var generation = model.Generate(prompt, new DecodingOptions { Mode = DecodingMode.Autoregressive, MaxNewTokens = maxTokens });
        while (generation.NextRound(cancellationToken))
        {
        }

        int[] answer = [.. generation.Output];
        return Shadow(model.Steps, prompt, answer, coarse, cancellationToken);
    }

    /// <summary>What an exit would have drafted.</summary>
    /// <param name="exitLayer">Exit layer E: L by coarse weights alone.</param>
    /// <param name="weights">By which weights: those of other exits are taken to guess what the model's own do.</param>
    public int[] ShadowOf(int exitLayer, DraftWeights weights) => exitLayer <= Shadows.Count ? Shadows[exitLayer - 1] : CoarseShadows[weights];

    /// <summary>The smallest exit that has the answer's token at an index, or the model's depth where only that has it.</summary>
    public int SmallestExit(int index)
    {
        var exit = 0;
        while (exit < Shadows.Count && Shadows[exit][index] != Tokens[index])
        {
            exit++;
        }

        return exit + 1;
    }

    private static ShadowedAnswer Shadow(IDeviceModel steps, int[] prompt, int[] answer, DraftWeights[] coarse, CancellationToken cancellationToken)
    {
        var layers = steps.Config.Layers;
        var shadows = Enumerable.Range(1, layers - 1).Select(_ => new int[answer.Length]).ToArray();

        // The last token of the answer has nothing behind it.
        int[] tokens = [.. prompt, .. answer.AsSpan(0, answer.Length - 1)];
        using var cache = steps.CreateCache();
        cache.Continue(layers, 0);
        using var rows = steps.CreateRows(Math.Min(tokens.Length, Generation.PrefillRows));
        rows.Begin(prompt.Length);
        using var head = steps.CreateDraftHead(prompt);
        for (var start = 0; start < tokens.Length; start += rows.Capacity)
        {
            var count = Math.Min(rows.Capacity, tokens.Length - start);
            rows.Place(0, count, cache, start);
            steps.Embed(rows, 0, tokens.AsSpan(start, count));
            var first = Math.Clamp(prompt.Length - 1 - start, 0, count);
            for (var exit = 1; exit <= layers; exit++)
            {
                steps.RunLayers(rows, 0, count, exit - 1, exit, cancellationToken);
                if (exit < layers)
                {
                    Draft(steps, rows, first, head, shadows[exit - 1].AsSpan(start + first - (prompt.Length - 1), count - first));
                }
            }

            cache.Length = start + count;
        }

        // From the last token to the first: a draft's first row sees the keys and values of the layers themselves, and leaves its own in their place.
        var coarseShadows = coarse.ToDictionary(static weights => weights, _ => new int[answer.Length]);
        for (var position = tokens.Length - 1; position >= prompt.Length - 1; position--)
        {
            rows.Place(0, 1, cache, position);
            foreach (var (weights, shadow) in coarseShadows)
            {
                steps.Embed(rows, 0, tokens.AsSpan(position, 1));
                steps.RunDraftLayers(rows, 0, 1, 0, layers, weights, cancellationToken);
                Draft(steps, rows, 0, head, shadow.AsSpan(position - (prompt.Length - 1), 1));
            }
        }

        return new(prompt.Length, answer, shadows) { CoarseShadows = coarseShadows };
    }

    private static void Draft(IDeviceModel steps, RowBuffer rows, int first, DraftHead? head, Span<int> tokens)
    {
        if (head is null)
        {
            if (tokens.Length > 0)
            {
                steps.ArgMax(rows, first, tokens);
            }

            return;
        }

        for (var i = 0; i < tokens.Length; i++)
        {
            tokens[i] = steps.Guess(rows, first + i, head).Token;
        }
    }
}
