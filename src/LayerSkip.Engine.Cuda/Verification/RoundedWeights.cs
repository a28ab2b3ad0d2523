using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>Weights as a format keeps them, widened again: what a device of any other format computes the same with.</summary>
internal sealed class RoundedWeights(WeightSource source, WeightFormat format) : WeightSource
{
    public override bool Contains(string name) => source.Contains(name);

    public override WeightTensor GetTensor(string name, params ReadOnlySpan<long> shape)
    {
        var tensor = source.GetTensor(name, shape);
        var isTable = name is "lm_head.weight" or "model.embed_tokens.weight";
        return tensor.Shape.Count == 1 ? tensor : format switch
        {
            WeightFormat.Int4 when !isTable => new Rounded(tensor, TensorDataType.Int4),
            WeightFormat.Int4 or WeightFormat.Int8 => new Rounded(tensor, TensorDataType.Int8),
            _ => tensor,
        };
    }

    public override void Dispose() => source.Dispose();

    private sealed class Rounded(WeightTensor tensor, TensorDataType blocks) : WeightTensor
    {
        public override string Name => tensor.Name;

        public override TensorDataType DataType => TensorDataType.F32;

        public override IReadOnlyList<long> Shape => tensor.Shape;

        public override void ReadRow(int row, Span<float> destination)
        {
            tensor.ReadRow(row, destination);
            var values = new sbyte[destination.Length];
            var scales = new float[WeightBlocks.Count(destination.Length)];
            WeightBlocks.Quantize(blocks, destination, values, scales);
            WeightBlocks.Dequantize(values, scales, destination);
        }
    }
}
