namespace LayerSkip.Engine.Constraints.Json;

/// <summary>A schema needs more than it may; it is tried again with less depth, and widened where that does not help.</summary>
internal sealed class SchemaBudgetException() : Exception;
