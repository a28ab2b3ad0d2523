using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Library;

/// <summary>Changes of case. The result has the least trusted origin of the text.</summary>
internal static class LetterCase
{
    public static StringValue Upper(StringValue text, RenderBudget budget) => Convert(text, budget, source => source.ToUpperInvariant());

    public static StringValue Lower(StringValue text, RenderBudget budget) => Convert(text, budget, source => source.ToLowerInvariant());

    /// <summary>The first character in upper case, the rest in lower case.</summary>
    public static StringValue Capitalize(StringValue text, RenderBudget budget) => Convert(text, budget, CapitalizeWord);

    /// <summary>Python's <c>str.title</c>: a word is a run of letters.</summary>
    public static StringValue Title(StringValue text, RenderBudget budget) =>
        Convert(text, budget, source => TitleWords(source, startsWord: previous => !char.IsLetter(previous)));

    /// <summary>Jinja's filter <c>title</c>: a word begins after a blank, a hyphen or an opening bracket only.</summary>
    public static StringValue TitleAfterBreaks(StringValue text, RenderBudget budget) =>
        Convert(text, budget, source => TitleWords(source, startsWord: previous => CodePoints.IsSpace(previous) || "-({[<".Contains(previous, StringComparison.Ordinal)));

    private static StringValue Convert(StringValue text, RenderBudget budget, Func<string, string> convert)
    {
        budget.SpendCharacters(text.Text.Length);
        return StringValue.Of(convert(text.Text), text.Origin);
    }

    private static string CapitalizeWord(string word) =>
        word.Length == 0 ? word : word[..1].ToUpperInvariant() + word[1..].ToLowerInvariant();

    private static string TitleWords(string source, Func<char, bool> startsWord) => string.Create(source.Length, (source, startsWord), static (target, state) =>
    {
        for (var i = 0; i < target.Length; i++)
        {
            var character = state.source[i];
            target[i] = i == 0 || state.startsWord(state.source[i - 1]) ? char.ToUpperInvariant(character) : char.ToLowerInvariant(character);
        }
    });
}
