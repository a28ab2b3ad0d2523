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
}
