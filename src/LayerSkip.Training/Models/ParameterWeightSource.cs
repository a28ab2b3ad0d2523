using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Training.Models;

/// <summary>Parameters in training, as the engine and the checkpoint writer read weights.</summary>
/// <param name="parameters">Kept alive by the caller.</param>
internal sealed class ParameterWeightSource(LlamaParameters parameters) : WeightSource
{
    public override bool Contains(string name) => parameters.Contains(name);

    public override WeightTensor GetTensor(string name, params ReadOnlySpan<long> shape)
    {
        var tensor = parameters.Tensors.FirstOrDefault(tensor => tensor.Name == name)
            ?? throw new CheckpointException($"the model in training has no tensor '{name}'");
        return shape.SequenceEqual(tensor.Shape)
            ? new View(parameters, tensor)
            : throw new CheckpointException(
                $"the model in training: tensor '{name}' is [{string.Join(", ", tensor.Shape)}], expected [{string.Join(", ", shape.ToArray())}]");
    }

    public override void Dispose()
    {
    }

    private sealed class View(LlamaParameters parameters, ParameterTensor tensor) : WeightTensor
    {
        public override string Name => tensor.Name;

        public override TensorDataType DataType => TensorDataType.F32;

        public override IReadOnlyList<long> Shape => tensor.Shape;

        public override void ReadRow(int row, Span<float> destination)
        {
            CheckRow(row, destination);
            parameters.View(tensor.Name).Row(row).CopyTo(destination);
        }
    }
}
