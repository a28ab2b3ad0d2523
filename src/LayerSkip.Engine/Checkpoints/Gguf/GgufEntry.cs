namespace LayerSkip.Engine.Checkpoints.Gguf;

/// <summary>What a GGUF header says of one tensor, checked against the file.</summary>
/// <param name="Name">The tensor's name.</param>
/// <param name="Type">The number of its type: of a <see cref="GgufTensorType"/>, or of one that cannot be read.</param>
/// <param name="Shape">The dimensions, outermost first, which is not the file's order.</param>
/// <param name="Offset">Where its first byte lies in the file.</param>
/// <param name="Bytes">Its size.</param>
internal sealed record GgufEntry(string Name, uint Type, long[] Shape, long Offset, long Bytes);
