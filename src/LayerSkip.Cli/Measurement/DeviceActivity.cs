using LayerSkip.Cli.Reports;
using LayerSkip.Engine;
using LayerSkip.Engine.Cuda;
using LayerSkip.Engine.Decoding;

namespace LayerSkip.Cli.Measurement;

/// <summary>Counts what a CUDA device is asked for while it decodes: how a run on a GPU is judged against the memory that it must read.</summary>
internal static class DeviceActivity
{
    /// <summary>Decodes the first prompt in both modes, and counts; null where the model is not on a CUDA device.</summary>
    public static DeviceActivityReport? Measure(LayerSkipModel model, BenchSettings settings, CancellationToken cancellationToken)
    {
        if (model.Steps is not CudaModel device)
        {
            return null;
        }

        return new(Of(new DecodingOptions { Mode = DecodingMode.Autoregressive }), Of(settings.Draft));

        DeviceModeReport Of(DecodingOptions options)
        {
            options = options with { MaxNewTokens = settings.MaxTokens, IgnoreEndOfSequence = settings.IgnoreEndOfSequence };
            using var generation = model.Generate(settings.Prompts[0], options);
            generation.NextRound(cancellationToken);
            var counters = device.Context.Counters;
            var (kernels, graphs, waits, calls) = (counters.Kernels, counters.Graphs, counters.Synchronizations, counters.Calls);
            var before = generation.Statistics;
            while (generation.NextRound(cancellationToken))
            {
            }

            var after = generation.Statistics;
            double tokens = Math.Max(1, after.Tokens - before.Tokens), rounds = Math.Max(1, after.Rounds - before.Rounds);
            var layerBytes = (double)model.BytesRead(0, model.Config.Layers, head: false) / model.Config.Layers;
            var headBytes = model.BytesRead(0, 0, head: true);
            var weightBytes = ((after.LayerPasses - before.LayerPasses) * layerBytes) + ((after.Drafted - before.Drafted + rounds) * headBytes);
            return new(
                weightBytes / tokens,
                (counters.Kernels - kernels) / tokens,
                (counters.Graphs - graphs) / rounds,
                (counters.Synchronizations - waits) / rounds,
                (counters.Calls - calls) / rounds);
        }
    }
}
