using System.Diagnostics;
using LayerSkip.Engine;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Constraints;
using LayerSkip.Engine.Decoding;

namespace LayerSkip.Cli.Measurement;

/// <summary>Decodes prompts, each in both modes one right after the other, which first alternating: a busy machine slows both alike.</summary>
/// <param name="model">The model.</param>
/// <param name="draft">How to draft, and, where not greedily, how to choose tokens.</param>
/// <param name="maxTokens">Most tokens to generate for a prompt.</param>
/// <param name="ignoreEndOfSequence">Whether to always generate that many.</param>
/// <param name="defaults">What to take for the checkpoint's own defaults; null: the model's.</param>
internal sealed class ModePair(LayerSkipModel model, DecodingOptions draft, int maxTokens, bool ignoreEndOfSequence = false, GenerationDefaults? defaults = null)
{
    /// <summary>Options of an autoregressive request. What an answer may be, each request brings by itself.</summary>
    public DecodingOptions Autoregressive { get; } = new()
    {
        Mode = DecodingMode.Autoregressive, MaxNewTokens = maxTokens, IgnoreEndOfSequence = ignoreEndOfSequence, Sampling = draft.Sampling,
    };

    /// <summary>Options of a self-speculative request.</summary>
    public DecodingOptions SelfSpeculative { get; } = draft with
    {
        Mode = DecodingMode.SelfSpeculative,
        MaxNewTokens = maxTokens,
        IgnoreEndOfSequence = ignoreEndOfSequence,
    };

    /// <summary>The options of a request, completed.</summary>
    public DecodingPlan Plan(DecodingOptions options) => model.Plan(options, defaults);

    /// <summary>Decodes all prompts.</summary>
    /// <param name="prompts">Token ids of each.</param>
    /// <param name="run">Number of the run: every other begins with the other mode.</param>
    /// <param name="allocations">Measures what rounds allocate.</param>
    /// <param name="cancellationToken">Looked at between layers.</param>
    /// <param name="constrain">Makes what a prompt's answer may be, by the prompt's index, as part of the request; null: anything.</param>
    public (ModeRun Autoregressive, ModeRun Speculative) Run(
        IEnumerable<int[]> prompts, int run, AllocationMeter allocations, CancellationToken cancellationToken, Func<int, TokenConstraint?>? constrain = null)
    {
        var autoregressive = new ModeRun();
        var speculative = new ModeRun();
        foreach (var (index, prompt) in prompts.Index())
        {
            if ((run + index) % 2 == 1)
            {
                Decode(SelfSpeculative, speculative);
                Decode(Autoregressive, autoregressive);
            }
            else
            {
                Decode(Autoregressive, autoregressive);
                Decode(SelfSpeculative, speculative);
            }

            void Decode(DecodingOptions options, ModeRun run) =>
                this.Decode(prompt, options, () => constrain?.Invoke(index), run, allocations, cancellationToken);
        }

        return (autoregressive, speculative);
    }

    private void Decode(
        int[] prompt, DecodingOptions options, Func<TokenConstraint?> constrain, ModeRun run, AllocationMeter allocations, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        using var generation = model.Generate(prompt, Plan(constrain() is { } constraint ? options with { Constraint = constraint } : options));
        for (var last = start; allocations.NextRound(generation, cancellationToken);)
        {
            // A piece of a long prompt, or a round that a constraint left nothing of, is time that the next tokens took.
            if (generation.RoundTokens.Length > 0)
            {
                var now = Stopwatch.GetTimestamp();
                run.AddRound(generation, Stopwatch.GetElapsedTime(last, now).TotalSeconds, Stopwatch.GetElapsedTime(start, now).TotalSeconds);
                last = now;
            }
        }

        run.Add(generation, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }
}
