using LayerSkip.Engine.Decoding;

namespace LayerSkip.Cli.Training;

/// <summary>A recipe's <c>generation</c>: what the checkpoint is to say about decoding; null where the recipe is silent.</summary>
internal sealed record GenerationRecipe(int? ExitLayer, int? NumSpeculations, int? MaxNewTokens, DraftWeights? DraftWeights, double? DraftCoverage);
