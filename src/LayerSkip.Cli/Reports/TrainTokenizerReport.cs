namespace LayerSkip.Cli.Reports;

/// <summary>What <c>layerskip train-tokenizer --json</c> prints.</summary>
/// <param name="Output">The directory written.</param>
/// <param name="VocabSize">Tokens in all: 256 bytes, merges, added tokens.</param>
/// <param name="Merges">Merges learned.</param>
/// <param name="AddedTokens">Added tokens, the special ones among them.</param>
/// <param name="SpecialTokens">Control tokens.</param>
/// <param name="Texts">Utterances, prompts or texts read.</param>
/// <param name="TokensPerText">Their mean length in tokens.</param>
/// <param name="BytesPerToken">Their UTF-8 bytes for each token.</param>
/// <param name="Responses">Parses or responses read.</param>
/// <param name="TokensPerResponse">Their mean length in tokens; null where there are none.</param>
/// <param name="Seconds">What reading and training took, the measuring afterwards left out.</param>
internal sealed record TrainTokenizerReport(
    string Output,
    int VocabSize,
    int Merges,
    int AddedTokens,
    int SpecialTokens,
    long Texts,
    double TokensPerText,
    double BytesPerToken,
    long Responses,
    double? TokensPerResponse,
    double Seconds);
