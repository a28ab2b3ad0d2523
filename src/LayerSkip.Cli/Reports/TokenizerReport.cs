namespace LayerSkip.Cli.Reports;

/// <summary>The tokenizer.</summary>
/// <param name="Family">byte-level-bpe or sentencepiece-bpe.</param>
/// <param name="Source">The file or files.</param>
/// <param name="VocabSize">Largest id + 1.</param>
/// <param name="BaseVocabSize">Tokens that are no added ones.</param>
/// <param name="AddedTokens">Added tokens, control tokens among them.</param>
/// <param name="SpecialTokens">Control tokens.</param>
internal sealed record TokenizerReport(
    string Family, string Source, int VocabSize, int BaseVocabSize, int AddedTokens, IReadOnlyList<TokenReport> SpecialTokens);
