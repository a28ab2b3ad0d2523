using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Cli.Training;

/// <summary>A recipe's <c>shape</c>: all of a model from scratch but its vocabulary, which is the tokenizer's.</summary>
internal sealed record ModelShape(
    int Layers, int Hidden, int Intermediate, int Heads, int KvHeads, int HeadDimension, int Context, bool Tied, float RopeTheta)
{
    public ModelConfig Config(int vocabularySize) => new()
    {
        VocabularySize = vocabularySize,
        HiddenSize = Hidden,
        IntermediateSize = Intermediate,
        Layers = Layers,
        AttentionHeads = Heads,
        KeyValueHeads = KvHeads,
        HeadDimension = HeadDimension,
        MaxPositions = Context,
        TiedEmbeddings = Tied,
        RopeTheta = RopeTheta,
    };
}
