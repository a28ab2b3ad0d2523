namespace LayerSkip.Cli.Reports;

/// <summary>The weight files' tensors.</summary>
/// <param name="Count">Tensors in all files.</param>
/// <param name="Bytes">Bytes of all of them.</param>
/// <param name="Unused">Tensors of layers that the files have beyond those of config.json.</param>
/// <param name="Formats">Bytes by element type.</param>
/// <param name="Files">The files.</param>
/// <param name="Groups">Tensors of one kind in all layers taken together.</param>
internal sealed record TensorsReport(
    int Count, long Bytes, int Unused, IReadOnlyDictionary<string, long> Formats, IReadOnlyList<WeightFileReport> Files, IReadOnlyList<TensorGroupReport> Groups);
