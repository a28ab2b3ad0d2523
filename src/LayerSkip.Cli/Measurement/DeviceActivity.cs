using LayerSkip.Cli.Reports;
using LayerSkip.Engine;
using LayerSkip.Engine.Cuda;
using LayerSkip.Engine.Decoding;

namespace LayerSkip.Cli.Measurement;

/// <summary>Counts what a CUDA device is asked for while it decodes: how a run on a GPU is judged against the memory that it must read.</summary>
internal static class DeviceActivity
{
    private const long EnoughRounds = 32;

    /// <summary>Decodes prompts in both modes, and counts what their rounds behind the first ask for; null where the model is not on a CUDA device, or no prompt takes a second round.</summary>
    public static DeviceActivityReport? Measure(LayerSkipModel model, BenchSettings settings, CancellationToken cancellationToken)
    {
        if (model.Steps is not CudaModel device)
        {
            return null;
        }

        var counters = device.Context.Counters;
        var autoregressive = Of(new DecodingOptions { Mode = DecodingMode.Autoregressive });
        return autoregressive is not null && Of(settings.Draft with { Mode = DecodingMode.SelfSpeculative }) is { } draft ? new(autoregressive, draft) : null;

        DeviceModeReport? Of(DecodingOptions options)
        {
            options = options with { MaxNewTokens = settings.MaxTokens, IgnoreEndOfSequence = settings.IgnoreEndOfSequence };
            long tokens = 0, rounds = 0, layerPasses = 0, drafted = 0, kernels = 0, graphs = 0, waits = 0, calls = 0;
            for (var prompt = 0; prompt < settings.Prompts.Count && rounds < EnoughRounds; prompt++)
            {
                using var generation = model.Generate(settings.Prompts[prompt], options);
                generation.NextRound(cancellationToken);
                var before = generation.Statistics;
                (kernels, graphs, waits, calls) = (kernels - counters.Kernels, graphs - counters.Graphs, waits - counters.Synchronizations, calls - counters.Calls);
                while (generation.NextRound(cancellationToken))
                {
                }

                (kernels, graphs, waits, calls) = (kernels + counters.Kernels, graphs + counters.Graphs, waits + counters.Synchronizations, calls + counters.Calls);
                var after = generation.Statistics;
                tokens += after.Tokens - before.Tokens;
                rounds += after.Rounds - before.Rounds;
                layerPasses += after.LayerPasses - before.LayerPasses;
                drafted += after.Drafted - before.Drafted;
            }

            var layerBytes = (double)model.BytesRead(0, model.Config.Layers, head: false) / model.Config.Layers;
            var headBytes = (double)model.BytesRead(0, 0, head: true);
            return rounds == 0 ? null : new(
                ((layerPasses * layerBytes) + ((drafted + rounds) * headBytes)) / tokens,
                (double)kernels / tokens,
                (double)graphs / rounds,
                (double)waits / rounds,
                (double)calls / rounds);
        }
    }
}
