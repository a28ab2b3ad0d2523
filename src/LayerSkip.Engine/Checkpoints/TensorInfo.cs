namespace LayerSkip.Engine.Checkpoints;

/// <summary>A tensor as a checkpoint's files list it.</summary>
/// <param name="Name">Its name, such as <c>model.layers.0.self_attn.q_proj.weight</c>.</param>
/// <param name="DataType">Its element type as the file's format spells it: some, such as F32 and BF16, can be weights; others, such as I64, are only listed.</param>
/// <param name="Shape">Its dimensions, outermost first; none for a scalar.</param>
/// <param name="File">The file that holds it, without its directory.</param>
/// <param name="Bytes">Its size in that file, in bytes.</param>
public sealed record TensorInfo(string Name, string DataType, IReadOnlyList<long> Shape, string File, long Bytes);
