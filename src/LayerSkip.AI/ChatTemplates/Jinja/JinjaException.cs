namespace LayerSkip.AI.ChatTemplates.Jinja;

/// <summary>An evaluation error that does not know its line yet; <see cref="JinjaTemplate.Render"/> adds it.</summary>
internal sealed class JinjaException(string message, string? refusal = null) : Exception(message)
{
    /// <summary>The argument of <c>raise_exception</c>, null for errors of the interpreter's own.</summary>
    public string? Refusal { get; } = refusal;
}
