namespace LayerSkip.Engine.Checkpoints;

/// <summary>What a safetensors header says of one tensor.</summary>
/// <param name="Name">The tensor's name.</param>
/// <param name="DataType">The element type as the format spells it.</param>
/// <param name="Shape">The dimensions, outermost first; none for a scalar.</param>
/// <param name="Begin">Offset of the first byte within the data, which follows the header.</param>
/// <param name="End">Offset after the last byte.</param>
internal sealed record SafetensorsEntry(string Name, string DataType, long[] Shape, long Begin, long End);
