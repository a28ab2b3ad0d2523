namespace LayerSkip.Engine.Decoding;

/// <summary>What became of a draft.</summary>
/// <param name="ExitLayer">The exit that drafted; 0: the tokens were looked up.</param>
/// <param name="Drafted">Tokens drafted.</param>
/// <param name="Accepted">Those of them that were accepted.</param>
internal readonly record struct DraftResult(int ExitLayer, int Drafted, int Accepted);
