using System.Text.Json;

namespace LayerSkip.Engine.Constraints.Json;

/// <summary>Strings of certain lengths, patterns and formats, of one schema document.</summary>
internal sealed class StringLanguage(Grammar grammar, JsonTerminals terminals, SchemaBudget budget)
{
    private const int MaxStates = 4000;

    /// <param name="schema">What holds of the strings.</param>
    /// <param name="gaps">Told what does not.</param>
    public GrammarNode Of(SchemaConjunction schema, SchemaGaps gaps)
    {
        var (min, max) = SchemaLimits.Of(schema, "minLength", "maxLength");
        if (max < min)
        {
            return grammar.Nothing;
        }

        string[] excluded = [.. schema.Excluded
            .Where(value => value.ValueKind == JsonValueKind.String)
            .Select(value => JsonSpelling.OfString(value.GetString()!)[1..^1])];
        string[] patterns = [.. Texts(schema, "pattern").Select(StringFormats.Readable)];
        string[] formats = [.. Texts(schema, "format").Select(StringFormats.PatternOf).OfType<string>()];
        if (patterns.Length + formats.Length + excluded.Length == 0)
        {
            return terminals.String(grammar.Repeat(terminals.Character, min, max));
        }

        // A format is a hint: it is left out where nothing has it and all the rest, and so is what would take too many states.
        var language = Common([.. patterns, .. formats], excluded, min, max);
        if (formats.Length > 0 && language?.IsNothing != false)
        {
            language = Common(patterns, excluded, min, max);
        }

        // Where they take too many states together, the lengths go or the pattern does.
        if (language is null || patterns.Any(pattern => Parse(new Grammar(), pattern) is null))
        {
            gaps.Add("pattern");
        }

        language ??= min > 0 || max is not null ? Common(patterns, excluded, 0, null) : null;
        return language is null ? terminals.String(grammar.Repeat(terminals.Character, min, max))
            : language.IsNothing ? language
            : terminals.String(language);
    }

    /// <summary>Strings that a pattern matches (null: all), but for some and for those that other patterns match; null where that takes too many states.</summary>
    public GrammarNode? Names(string? pattern, IReadOnlyList<string> without, IReadOnlyList<string> unlike)
    {
        budget.SpendText(without.Sum(name => (long)name.Length));
        string[] excluded = [.. without.Select(name => JsonSpelling.OfString(name)[1..^1])];
        return Common(pattern is null ? [] : [pattern], excluded, 0, null, unlike) is { } content ? terminals.String(content) : null;
    }

    /// <summary>The contents that match all patterns, or null where that takes too many states.</summary>
    private GrammarNode? Common(string[] patterns, string[] excluded, int min, int? max, IReadOnlyList<string>? unlike = null)
    {
        // A state costs as much as there are languages to stand in.
        unlike ??= [];
        budget.Spend(patterns.Concat(unlike).Sum(pattern => 10L + Math.Min(pattern.Length, PatternParser.MaxLength)) / 10);
        budget.SpendText(excluded.Sum(text => (long)text.Length));
        var most = Math.Min(MaxStates, budget.StatesLeft) / (1 + ((patterns.Length + unlike.Count) / 4));

        // In a grammar of its own: of all that, only the automaton is needed.
        var own = new Grammar();
        var all = patterns.Select(pattern => Parse(own, pattern)).OfType<GrammarNode>().ToList();
        if (all.Count == 0)
        {
            all.Add(own.Repeat(CodePointSet.All.Spelled(own)));
        }

        if (min > 0 || max is not null)
        {
            all.Add(own.Repeat(new JsonTerminals(own).Character, min, max));
        }

        var none = unlike.Select(pattern => Parse(own, pattern)).OfType<GrammarNode>();
        var automaton = AutomatonBuilder.Intersect(all, excluded.Length > 0 ? [own.OneOf(excluded), .. none] : [.. none], most);
        budget.SpendStates(automaton?.Count ?? most);
        return automaton is null ? null : grammar.Automaton(automaton, 0);
    }

    /// <summary>The contents that a pattern matches, or null where it is outside the subset.</summary>
    public static GrammarNode? Parse(Grammar grammar, string pattern)
    {
        try
        {
            return PatternParser.Parse(grammar, pattern);
        }
        catch (PatternException)
        {
            return null;
        }
    }

    /// <summary>What the schemas say of a keyword, where that is a text.</summary>
    public static IEnumerable<string> Texts(SchemaConjunction schema, string keyword) =>
        schema.All(keyword).Where(node => node.Value.ValueKind == JsonValueKind.String).Select(node => node.Value.GetString()!);
}
