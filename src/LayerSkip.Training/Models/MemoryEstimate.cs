using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Training.Numerics;

namespace LayerSkip.Training.Models;

/// <summary>How much memory training takes: the buffers of <see cref="TrainingModel"/> added up without allocating them.</summary>
internal static class MemoryEstimate
{
    /// <summary>Weights, gradients and both moments, float32 each.</summary>
    private const int BytesPerParameter = 16;

    public static long Of(ModelConfig config, int rows)
    {
        var kernel = GemmKernel.Of(SimdPaths.Choose());
        int hidden = config.HiddenSize, mlp = config.IntermediateSize;
        var queries = config.AttentionHeads * config.HeadDimension;
        var qkv = queries + (2 * config.KeyValueHeads * config.HeadDimension);

        var layer = ActivationBuffer.Stride(qkv) + ActivationBuffer.Stride(queries) + ActivationBuffer.Stride(hidden) + ActivationBuffer.Stride(2 * mlp);
        var scratch = (2 * ActivationBuffer.Stride(hidden)) + (2 * ActivationBuffer.Stride(mlp)) + ActivationBuffer.Stride(queries) + ActivationBuffer.Stride(qkv);

        // One before the first layer and one after each, two for the rows that a layer keeps, and the gradient.
        var streams = (config.Layers + 4L) * ActivationBuffer.Stride(hidden);
        var head = Math.Min(rows, ExitHead.ChunkRows(config)) * ((3L * ActivationBuffer.Stride(hidden)) + ActivationBuffer.Stride(config.VocabularySize));

        // What the matrix product packs: the largest of the weights, and of the inputs in weights' gradients that are not read where they stand.
        var weights = (long)hidden * kernel.PackedColumns(Math.Max(config.VocabularySize, Math.Max(2 * mlp, qkv)));
        var packed = new[] { hidden, mlp, queries }.Where(width => !kernel.ReadsInPlace(width)).Select(width => (long)rows * kernel.PackedColumns(width))
            .Append(weights).Max();
        return (BytesPerParameter * Parameters(config)) + (sizeof(float) * ((rows * (((long)config.Layers * layer) + scratch + streams)) + head + packed));
    }

    private static long Parameters(ModelConfig config) =>
        LlamaTensors.Of(config).Sum(tensor => tensor.Shape.Aggregate(1L, static (product, size) => product * size));
}
