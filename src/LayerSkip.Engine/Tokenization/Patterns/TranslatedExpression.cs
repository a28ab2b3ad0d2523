namespace LayerSkip.Engine.Tokenization.Patterns;

/// <summary>An Oniguruma expression rewritten for .NET.</summary>
/// <param name="Text">The expression.</param>
/// <param name="IsRegular">Whether an automaton can run it: no look-around, no atomic group, and few repetitions to unroll.</param>
/// <param name="Projection">Rewrites the texts that it is run on.</param>
internal sealed record TranslatedExpression(string Text, bool IsRegular, BasicPlaneProjection Projection);
