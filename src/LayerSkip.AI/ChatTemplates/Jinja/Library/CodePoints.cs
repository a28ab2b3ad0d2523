namespace LayerSkip.AI.ChatTemplates.Jinja.Library;

/// <summary>Facts about characters where Python and .NET differ.</summary>
internal static class CodePoints
{
    /// <summary>Code unit offset of each code point, then of the end; null where there are no surrogate pairs.</summary>
    public static int[]? Offsets(string text)
    {
        if (text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') < 0)
        {
            return null;
        }

        var offsets = new List<int>(text.Length + 1);
        for (var i = 0; i < text.Length; i += char.IsSurrogatePair(text, i) ? 2 : 1)
        {
            offsets.Add(i);
        }

        offsets.Add(text.Length);
        return [.. offsets];
    }

    /// <summary>Whether Python's <c>str.isspace</c> holds: .NET's white space and the four ASCII separators.</summary>
    public static bool IsSpace(char character) => char.IsWhiteSpace(character) || character is >= '\x1c' and <= '\x1f';

    /// <summary>Whether Python's <c>str.splitlines</c> breaks a line here.</summary>
    public static bool IsLineBreak(char character) =>
        character is '\n' or '\r' or '\v' or '\f' or (>= '\x1c' and <= '\x1e') or '\x85' or '\u2028' or '\u2029';
}
