using System.Text.Json.Serialization;

namespace LayerSkip.Cli.Reports;

/// <summary>Bytes needed to run.</summary>
/// <param name="WeightBytesF32">Weights with --dtype f32.</param>
/// <param name="WeightBytesF32Compressed">
/// The least that they take with --dtype f32 on the CPU, which keeps those of a model this large compressed without loss: how much more, up to
/// <paramref name="WeightBytesF32"/>, the weights themselves decide. Null where none are.
/// </param>
/// <param name="WeightBytesBf16">Weights with --dtype bf16.</param>
/// <param name="WeightBytesBf16Compressed">The same with --dtype bf16.</param>
/// <param name="WeightBytesInt8">Weights with --dtype int8.</param>
/// <param name="WeightBytesInt4">Weights with --dtype int4.</param>
/// <param name="WeightBytesAuto">Weights with --dtype auto.</param>
/// <param name="Auto">The format that --dtype auto chooses for most matrices: f32, bf16, int8 or int4.</param>
/// <param name="KvBytesPerToken">Keys and values of one token, float32.</param>
/// <param name="KvBytesFullContext">The same for the whole context.</param>
internal sealed record MemoryReport(
    [property: JsonPropertyName("weight_bytes_f32")] long WeightBytesF32,
    [property: JsonPropertyName("weight_bytes_f32_compressed")] long? WeightBytesF32Compressed,
    [property: JsonPropertyName("weight_bytes_bf16")] long WeightBytesBf16,
    [property: JsonPropertyName("weight_bytes_bf16_compressed")] long? WeightBytesBf16Compressed,
    [property: JsonPropertyName("weight_bytes_int8")] long WeightBytesInt8,
    [property: JsonPropertyName("weight_bytes_int4")] long WeightBytesInt4,
    long WeightBytesAuto,
    string Auto,
    long KvBytesPerToken,
    long KvBytesFullContext);
