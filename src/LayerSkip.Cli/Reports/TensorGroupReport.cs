namespace LayerSkip.Cli.Reports;

/// <summary>Tensors whose names differ in the layer's number alone.</summary>
/// <param name="Name">The name, with * for the layer's number.</param>
/// <param name="Dtype">Element type as safetensors spells it.</param>
/// <param name="Shape">Dimensions of each.</param>
/// <param name="Count">How many there are.</param>
/// <param name="Bytes">Bytes of all of them.</param>
internal sealed record TensorGroupReport(string Name, string Dtype, IReadOnlyList<long> Shape, int Count, long Bytes);
