namespace LayerSkip.Engine.Checkpoints.Gguf;

/// <summary>The types of a GGUF file's tensors that can be read as weights, by the numbers that stand for them.</summary>
internal enum GgufTensorType : uint
{
    F32 = 0,
    F16 = 1,

    /// <summary>Blocks of 32: a binary16 scale d and 4-bit q; the value is d (q - 8).</summary>
    Q4_0 = 2,

    /// <summary>Blocks of 32: binary16 numbers d and m and 4-bit q; the value is d q + m.</summary>
    Q4_1 = 3,

    /// <summary>Blocks of 32: a binary16 scale d and 5-bit q; the value is d (q - 16).</summary>
    Q5_0 = 6,

    /// <summary>Blocks of 32: binary16 numbers d and m and 5-bit q; the value is d q + m.</summary>
    Q5_1 = 7,

    /// <summary>Blocks of 32: a binary16 scale d and 8-bit signed q; the value is d q.</summary>
    Q8_0 = 8,

    /// <summary>Blocks of 256 in eight groups of 32 with 6-bit scales and minima, themselves scaled by binary16 numbers.</summary>
    Q4_K = 12,

    /// <summary>As <see cref="Q4_K"/>, with a fifth bit for each element.</summary>
    Q5_K = 13,

    /// <summary>Blocks of 256 in sixteen groups of 16 with 8-bit scales, themselves scaled by a binary16 number; 6-bit q.</summary>
    Q6_K = 14,

    BF16 = 30,
}
