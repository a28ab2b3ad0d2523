using LayerSkip.Engine.Cuda.Execution;
using LayerSkip.Engine.Decoding;

namespace LayerSkip.Engine.Cuda.Weights;

/// <summary>What a model takes of GPUs' memory, with a sequence of modest length to decode: how its layers are shared out.</summary>
/// <param name="First">Bytes that the first GPU has of embeddings, head and logits.</param>
/// <param name="Each">Bytes that every GPU has of rows under way.</param>
/// <param name="Layers">Bytes of each layer and its part of the cache.</param>
internal sealed record MemoryDemand(long First, long Each, IReadOnlyList<long> Layers)
{
    private const int Positions = 2048; // of the cache that is counted
    private const int Halvings = 30;

    /// <summary>Bytes on a GPU that has the whole model.</summary>
    public long Whole => First + Each + Layers.Sum();

    /// <summary>The demand of a model.</summary>
    public static MemoryDemand Of(FormatPlan plan, Geometry geometry)
    {
        const int Rows = Generation.PrefillRows + DecodingPlan.MaxSpeculations;
        var config = geometry.Config;
        var activations = (long)Geometry.ActivationBytes(config.HiddenSize) + Geometry.ActivationBytes(geometry.AttendedOutputs) + Geometry.ActivationBytes(config.IntermediateSize);
        var pass = Rows * (((long)sizeof(float) * (geometry.Hidden + Geometry.Padded(geometry.QkvOutputs))) + activations);
        var shared = 2L * SharedPass.MostRows * sizeof(float) * geometry.Hidden; // slots of passes that are shared, and of rounds
        var head = LogitMemory.MostRows * (((long)sizeof(float) * config.VocabularySize) + Geometry.ActivationBytes(config.HiddenSize));
        var cache = geometry.PageLayerBytes * Geometry.Pages(Math.Min(config.MaxPositions, Positions));
        return new(
            plan.EndBytes + head,
            pass + shared,
            [.. plan.Layers.Select(layer => layer.Bytes + cache)]);
    }

    /// <summary>Shares the layers out so that the GPU of which the greatest part is taken gives as little as may be.</summary>
    /// <param name="free">Bytes that each GPU has, in the order in which they get layers.</param>
    /// <returns>How many layers each gets, the first one at least; null where they do not fit.</returns>
    public int[]? Split(IReadOnlyList<long> free)
    {
        var best = Fill(free, 1);
        var (low, high) = (0.0, 1.0);
        for (var i = 0; i < Halvings && best is not null; i++)
        {
            var share = (low + high) / 2;
            if (Fill(free, share) is { } filled)
            {
                (best, high) = (filled, share);
            }
            else
            {
                low = share;
            }
        }

        return best;
    }

    /// <summary>The layers in order, each GPU taking what goes into a share of its memory.</summary>
    private int[]? Fill(IReadOnlyList<long> free, double share)
    {
        var counts = new int[free.Count];
        var layer = 0;
        for (var gpu = 0; gpu < counts.Length; gpu++)
        {
            var room = (long)(share * free[gpu]) - Each - (gpu == 0 ? First : 0);
            for (; layer < Layers.Count && Layers[layer] <= room; layer++)
            {
                room -= Layers[layer];
                counts[gpu]++;
            }
        }

        return layer == Layers.Count && counts[0] > 0 ? counts : null;
    }
}
