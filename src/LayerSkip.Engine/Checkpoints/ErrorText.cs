namespace LayerSkip.Engine.Checkpoints;

/// <summary>Makes text from a stranger's file fit for an error message: quoted, of bounded length, without control characters.</summary>
internal static class ErrorText
{
    private const int MaxLength = 80;

    /// <summary>The text in single quotes, cut after 80 characters.</summary>
    public static string Quote(ReadOnlySpan<char> text) => $"'{Shorten(text)}'";

    /// <summary>The text, cut after 80 characters; control characters, which could redraw a terminal, become '?'.</summary>
    public static string Shorten(ReadOnlySpan<char> text)
    {
        Span<char> kept = stackalloc char[MaxLength];
        var length = Math.Min(text.Length, MaxLength);
        for (var i = 0; i < length; i++)
        {
            kept[i] = char.IsControl(text[i]) ? '?' : text[i];
        }

        return text.Length > MaxLength ? $"{kept}..." : kept[..length].ToString();
    }

    /// <summary>A shape as a JSON array: <c>[32000, 4096]</c>.</summary>
    public static string Shape(ReadOnlySpan<long> shape)
    {
        const int MaxShown = 8;
        var shown = string.Join(", ", shape[..Math.Min(shape.Length, MaxShown)].ToArray());
        return shape.Length > MaxShown ? $"[{shown}, ...]" : $"[{shown}]";
    }
}
