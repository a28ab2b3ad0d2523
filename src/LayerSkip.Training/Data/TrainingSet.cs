namespace LayerSkip.Training.Data;

/// <summary>Sequences that are drawn alike, such as those of one domain.</summary>
/// <param name="Sequences">At least one.</param>
/// <param name="Share">How many of them an epoch takes, as a share, in 0 .. 1 without 0: another part of them each time, drawn at random.</param>
public sealed record TrainingSet(IReadOnlyList<TrainingSequence> Sequences, double Share = 1);
