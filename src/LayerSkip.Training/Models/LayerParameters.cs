using LayerSkip.Training.Numerics;

namespace LayerSkip.Training.Models;

/// <summary>One layer's weights, or their gradients. Projections that share an input stand under one another and are one matrix.</summary>
/// <param name="AttentionNorm">[1, hidden].</param>
/// <param name="Qkv">[(queryHeads + 2 keyValueHeads) · headDimension, hidden].</param>
/// <param name="Output">[hidden, queryHeads · headDimension].</param>
/// <param name="MlpNorm">[1, hidden].</param>
/// <param name="GateUp">[2 F, hidden].</param>
/// <param name="Down">[hidden, F].</param>
internal readonly record struct LayerParameters(
    Matrix AttentionNorm, Matrix Qkv, Matrix Output, Matrix MlpNorm, Matrix GateUp, Matrix Down);
