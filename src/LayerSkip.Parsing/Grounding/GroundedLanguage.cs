namespace LayerSkip.Parsing.Grounding;

/// <summary>What frames are made of.</summary>
/// <param name="Spoken">The utterance.</param>
/// <param name="Labels">The labels.</param>
internal sealed record GroundedLanguage(SpokenText Spoken, FrameLabels Labels);
