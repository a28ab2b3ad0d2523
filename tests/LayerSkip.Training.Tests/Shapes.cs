using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Training.Tests;

/// <summary>Small models and batches.</summary>
internal static class Shapes
{
    /// <summary>Grouped-query attention; no size a multiple of a vector's.</summary>
    public static ModelConfig Tiny(bool tied = true, int layers = 3) => new()
    {
        VocabularySize = 13, HiddenSize = 9, IntermediateSize = 11, Layers = layers, MaxPositions = 64,
        AttentionHeads = 4, KeyValueHeads = 2, HeadDimension = 6, TiedEmbeddings = tied, RmsNormEpsilon = 1e-4f,
    };

    /// <summary>Large enough to learn a few sequences by heart.</summary>
    public static ModelConfig Learner(int layers = 4) => new()
    {
        VocabularySize = 50, HiddenSize = 32, IntermediateSize = 64, Layers = layers, MaxPositions = 64,
        AttentionHeads = 4, KeyValueHeads = 2, HeadDimension = 8, TiedEmbeddings = true,
    };

    /// <summary>Random sequences of the given lengths, each with a prompt of a random part of it.</summary>
    public static SequenceBatch Batch(Random random, int vocabulary, params int[] lengths) => Batch(random, vocabulary, promptWeight: 0, lengths);

    public static SequenceBatch Batch(Random random, int vocabulary, double promptWeight, params int[] lengths) => new(
        [.. lengths.Select(length => new TrainingSequence(
            [.. Enumerable.Range(0, length).Select(_ => random.Next(vocabulary))], random.Next(1, length), promptWeight))]);

    /// <summary>Sequences that begin differently and go on at random.</summary>
    public static TrainingSequence[] Poems(int count, int length) =>
        [.. Enumerable.Range(0, count).Select(s =>
        {
            var random = new Random(100 + s);
            return new TrainingSequence([s, .. Enumerable.Range(1, length - 1).Select(_ => random.Next(10, 50))]);
        })];
}
