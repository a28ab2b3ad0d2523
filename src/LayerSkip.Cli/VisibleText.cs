namespace LayerSkip.Cli;

/// <summary>Makes text from a stranger (a model, a vocabulary, a tensor's name) fit for a terminal.</summary>
internal static class VisibleText
{
    /// <summary>Control characters other than line feed and tab, which could redraw the terminal, become U+FFFD.</summary>
    public static string Of(string text) => Replace(text, static c => char.IsControl(c) && c is not ('\n' or '\t'));

    /// <summary>The same on one line: line feed and tab become U+FFFD too.</summary>
    public static string Line(string text) => Replace(text, char.IsControl);

    private static string Replace(string text, Func<char, bool> isUnfit) =>
        text.Any(isUnfit) ? string.Create(text.Length, (text, isUnfit), static (target, source) =>
        {
            for (var i = 0; i < target.Length; i++)
            {
                target[i] = source.isUnfit(source.text[i]) ? '\uFFFD' : source.text[i];
            }
        }) : text;
}
