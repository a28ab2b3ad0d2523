namespace LayerSkip.Engine.Checkpoints;

/// <summary>The element types in which a checkpoint may store its weights.</summary>
public enum TensorDataType
{
    /// <summary>IEEE 754 binary32, 4 bytes.</summary>
    F32,

    /// <summary>IEEE 754 binary16, 2 bytes.</summary>
    F16,

    /// <summary>bfloat16, the upper half of a binary32, 2 bytes.</summary>
    BF16,

    /// <summary>Blocks of 32 signed bytes along a row, each with a binary32 scale: matrices only.</summary>
#pragma warning disable CA1720 // What the format is called everywhere.
    Int8,
#pragma warning restore CA1720

    /// <summary>Blocks of 32 integers of -8..7 along a row, each with a binary32 scale: matrices only.</summary>
    Int4,
}
