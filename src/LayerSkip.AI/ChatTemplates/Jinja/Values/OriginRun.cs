namespace LayerSkip.AI.ChatTemplates.Jinja.Values;

/// <summary>A stretch of a <see cref="StringValue"/> with one origin, from the previous run's end.</summary>
/// <param name="End">Index after its last UTF-16 code unit.</param>
/// <param name="Origin">Where the stretch came from.</param>
internal readonly record struct OriginRun(int End, PromptOrigin Origin);
