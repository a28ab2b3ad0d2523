namespace LayerSkip.Engine.Cuda.Rounds;

/// <summary>What a captured round is for. Everything else about a round lies in device memory.</summary>
/// <param name="ExitLayer">Layers of the draft.</param>
/// <param name="Depth">Layers that decide.</param>
/// <param name="Length">Tokens of a full draft.</param>
/// <param name="Spans">Spans that attention reaches over.</param>
/// <param name="HasDraftHead">Whether the draft chooses among listed tokens.</param>
internal readonly record struct RoundShape(int ExitLayer, int Depth, int Length, int Spans, bool HasDraftHead);
