namespace LayerSkip.Cli.Corpora;

/// <summary>One row of a training text.</summary>
/// <param name="Text">The utterance or prompt, behind one space as chat templates put it; or a plain text as it is.</param>
/// <param name="Response">What is to be answered, behind one space; null for a plain text.</param>
internal readonly record struct CorpusRow(string Text, string? Response);
