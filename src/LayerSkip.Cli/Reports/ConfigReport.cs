namespace LayerSkip.Cli.Reports;

/// <summary>config.json, by its own names.</summary>
internal sealed record ConfigReport(
    string ModelType,
    int VocabSize,
    int HiddenSize,
    int IntermediateSize,
    int NumHiddenLayers,
    int NumAttentionHeads,
    int NumKeyValueHeads,
    int HeadDim,
    int MaxPositionEmbeddings,
    int? SlidingWindow,
    float RmsNormEps,
    float RopeTheta,
    RopeScalingReport? RopeScaling,
    bool TieWordEmbeddings,
    bool AttentionBias,
    bool MlpBias);
