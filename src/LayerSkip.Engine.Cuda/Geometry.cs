using System.Numerics;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Cuda;

/// <summary>The sizes that a model's shape gives its buffers and launches; kernels/KERNELS.md says what they are for.</summary>
internal sealed record Geometry(ModelConfig Config)
{
    /// <summary>Positions of a cache page.</summary>
    public const int PagePositions = 32;

    /// <summary>Positions that one block of <c>attention_split</c> attends to.</summary>
    public const int SpanPositions = 64;

    /// <summary>Widest head of the attention kernels.</summary>
    public const int MaxHeadDimension = 256;

    private const int VectorMultiple = 128;

    /// <summary>Floats of a hidden state, pad included.</summary>
    public int Hidden { get; } = Padded(Config.HiddenSize);

    /// <summary>Outputs of the joint projection: queries, keys, values.</summary>
    public int QkvOutputs { get; } = (Config.AttentionHeads + (2 * Config.KeyValueHeads)) * Config.HeadDimension;

    /// <summary>Outputs of attention.</summary>
    public int AttendedOutputs { get; } = Config.AttentionHeads * Config.HeadDimension;

    /// <summary>Floats of a cached key or value.</summary>
    public int CachedHead { get; } = Up(Config.HeadDimension, 4);

    /// <summary>Planes of the rotary embedding.</summary>
    public int Planes => Config.HeadDimension / 2;

    /// <summary>Query heads that share a key/value head.</summary>
    public int Group { get; } = Config.AttentionHeads / Config.KeyValueHeads;

    /// <summary>Which attention kernels serve the head: <c>d64</c>, <c>d128</c> or <c>d256</c>.</summary>
    public string AttentionSuffix => Config.HeadDimension switch { <= 64 => "d64", <= 128 => "d128", _ => "d256" };

    /// <summary>Rows that one block of attention takes together.</summary>
    public int AttentionRows => Math.Max(1, AttentionQueries / Group);

    /// <summary>Blocks that share a key/value head's queries.</summary>
    public int QueryTiles => Blocks(Group, AttentionQueries);

    private int AttentionQueries => Config.HeadDimension <= 128 ? 16 : 8;

    /// <summary>Bytes of one layer's part of a cache page.</summary>
    public long PageLayerBytes => (long)Config.KeyValueHeads * 2 * PagePositions * CachedHead * sizeof(float);

    /// <summary>Pages of the longest sequence.</summary>
    public int MaxPages => Blocks(Config.MaxPositions, PagePositions);

    /// <summary>Bytes of a cache page of some layers.</summary>
    public long PageBytes(int layers) => Up(PageLayerBytes * layers, 256);

    /// <summary>Stride of a vector of activations.</summary>
    public static int Padded(int length) => Up(length, VectorMultiple);

    /// <summary>Bytes of a row of activations as products take them: three bfloat16 each.</summary>
    public static int ActivationBytes(int length) => Padded(length) * 3 * sizeof(ushort);

    /// <summary>A value rounded up to a multiple.</summary>
    public static int Up(int value, int multiple) => Blocks(value, multiple) * multiple;

    /// <summary>A value rounded up to a multiple.</summary>
    public static long Up(long value, long multiple) => (value + multiple - 1) / multiple * multiple;

    /// <summary>A positive value rounded up to a power of two.</summary>
    public static int PowerOfTwo(int value) => (int)BitOperations.RoundUpToPowerOf2((uint)value);

    /// <summary>How many blocks of a size cover so many.</summary>
    public static int Blocks(int count, int size) => (int)((count + (size - 1L)) / size);

    /// <summary>Pages that positions take.</summary>
    public static int Pages(int positions) => Blocks(positions, PagePositions);

    /// <summary>Spans that positions take.</summary>
    public static int Spans(int positions) => Blocks(positions, SpanPositions);
}
