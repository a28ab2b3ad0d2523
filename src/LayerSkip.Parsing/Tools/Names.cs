using LayerSkip.Parsing.Frames;

namespace LayerSkip.Parsing.Tools;

/// <summary>Compares labels with names that programs use: <c>IN:CREATE_REMINDER</c> is <c>create_reminder</c>, <c>CreateReminder</c> and <c>create-reminder</c>.</summary>
internal static class Names
{
    /// <summary>The label without its prefix: <c>CREATE_REMINDER</c>.</summary>
    public static string Of(FrameNode labelled) => labelled.Text[FrameNode.IntentPrefix.Length..];

    /// <summary>The name as people read it: <c>create reminder</c>.</summary>
    public static string Spoken(FrameNode labelled) => Of(labelled).Replace('_', ' ').ToLowerInvariant();

    /// <summary>The name as JSON writes it: <c>create_reminder</c>.</summary>
    public static string SnakeCase(FrameNode labelled) => Of(labelled).ToLowerInvariant();

    /// <summary>Whether both names have the same letters and digits, in any case.</summary>
    public static bool Same(ReadOnlySpan<char> one, ReadOnlySpan<char> other)
    {
        int i = 0, j = 0;
        while (true)
        {
            i = SkipSeparators(one, i);
            j = SkipSeparators(other, j);
            if (i == one.Length || j == other.Length)
            {
                return i == one.Length && j == other.Length;
            }

            if (char.ToUpperInvariant(one[i++]) != char.ToUpperInvariant(other[j++]))
            {
                return false;
            }
        }
    }

    /// <summary>Whether the name ends with the other one after a separator, as where a plugin's name comes before: <c>Home-CreateReminder</c>.</summary>
    public static bool EndsWith(ReadOnlySpan<char> name, ReadOnlySpan<char> other)
    {
        for (var i = 0; i < name.Length; i++)
        {
            if (!char.IsLetterOrDigit(name[i]) && Same(name[(i + 1)..], other))
            {
                return true;
            }
        }

        return false;
    }

    private static int SkipSeparators(ReadOnlySpan<char> name, int at)
    {
        while (at < name.Length && !char.IsLetterOrDigit(name[at]))
        {
            at++;
        }

        return at;
    }
}
