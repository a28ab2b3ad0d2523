namespace LayerSkip.Cli.Training;

/// <summary>What the command line says in place of the recipe; null where it is silent. Paths are relative to the working directory.</summary>
internal sealed record RecipeOverrides(string? Output = null, string? From = null, string? Data = null, int? Threads = null);
