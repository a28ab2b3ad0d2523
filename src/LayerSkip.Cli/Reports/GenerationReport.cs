namespace LayerSkip.Cli.Reports;

/// <summary>What the checkpoint says about generation; null where it is silent.</summary>
internal sealed record GenerationReport(
    int? BosTokenId, IReadOnlyList<int> EosTokenIds, int? PadTokenId, bool? DoSample, float? Temperature, int? TopK, float? TopP, float? MinP, int? MaxNewTokens);
