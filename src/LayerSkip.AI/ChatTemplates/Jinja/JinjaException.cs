namespace LayerSkip.AI.ChatTemplates.Jinja;

/// <summary>An evaluation error that does not know its line yet; <see cref="JinjaTemplate.Render"/> adds it.</summary>
internal sealed class JinjaException(string message, string? refusal = null) : Exception(message)
{
    private const int MaxNameLength = 80;

    /// <summary>The argument of <c>raise_exception</c>, null for errors of the interpreter's own.</summary>
    public string? Refusal { get; } = refusal;

    /// <summary>A name that a template or a file chose, as an error tells it: in quotes, and cut after 80 code units.</summary>
    public static string Quote(string name) => $"'{Shorten(name)}'";

    /// <summary>A text of any length as an error tells it. The cut never parts a surrogate pair.</summary>
    public static string Shorten(string text, int maxLength = MaxNameLength) => text.Length <= maxLength
        ? text
        : string.Concat(text.AsSpan(0, char.IsSurrogatePair(text, maxLength - 1) ? maxLength - 1 : maxLength), "...");
}
