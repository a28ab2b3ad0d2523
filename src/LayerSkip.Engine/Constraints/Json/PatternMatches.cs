using System.Text;

namespace LayerSkip.Engine.Constraints.Json;

/// <summary>Tells of certain texts whether a schema's patterns match them.</summary>
internal sealed class PatternMatches(SchemaBudget budget)
{
    // Nodes that one match may take.
    private const int MaxWork = 50_000;

    private readonly Dictionary<string, GrammarNode?> _languages = [];

    /// <summary>Whether a pattern matches somewhere in a text, or null where it is outside the subset that is understood or takes too much.</summary>
    public bool? Match(string pattern, string text)
    {
        budget.Spend(1 + (text.Length / 16));
        if (LanguageOf(pattern) is not { } language)
        {
            return null;
        }

        var last = language.Grammar.Work + MaxWork;
        foreach (var value in Encoding.UTF8.GetBytes(JsonSpelling.OfString(text)[1..^1]))
        {
            language = language.Next(value);
            if (language.Grammar.Work > last)
            {
                return null;
            }
        }

        return language.IsNullable;
    }

    /// <summary>Whether a pattern is inside the subset that is understood.</summary>
    public bool Understands(string pattern) => LanguageOf(pattern) is not null;

    private GrammarNode? LanguageOf(string pattern)
    {
        if (!_languages.TryGetValue(pattern, out var language))
        {
            budget.Spend(Math.Min(pattern.Length, PatternParser.MaxLength));
            _languages[pattern] = language = StringLanguage.Parse(new Grammar(), pattern);
        }

        return language;
    }
}
