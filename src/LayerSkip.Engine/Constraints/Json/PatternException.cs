namespace LayerSkip.Engine.Constraints.Json;

/// <summary>A regular expression is outside the subset; the schema is widened by leaving it out.</summary>
internal sealed class PatternException() : Exception;
