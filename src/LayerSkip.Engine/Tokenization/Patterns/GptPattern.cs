using System.Buffers;
using System.Text;

namespace LayerSkip.Engine.Tokenization.Patterns;

/// <summary>The splitting expressions of GPT-2, Llama 3 and Qwen2, written by hand: one pass, whole Unicode characters, every character in a match.</summary>
internal sealed class GptPattern(GptDialect dialect) : TextPattern
{
    private const string Gpt2Expression = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    private const string Llama3Expression =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string Qwen2Expression =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private readonly int _maxDigits = dialect switch
    {
        GptDialect.Llama3 => 3,
        GptDialect.Qwen2 => 1,
        _ => int.MaxValue,
    };

    private enum Kind
    {
        End,
        Letter,
        Number,
        Space,
        Other,
    }

    /// <summary>The expression which a dialect stands for.</summary>
    public static string Expression(GptDialect dialect) => dialect switch
    {
        GptDialect.Gpt2 => Gpt2Expression,
        GptDialect.Llama3 => Llama3Expression,
        _ => Qwen2Expression,
    };

    /// <summary>The pattern for an expression that is, letter by letter, one of the known ones; otherwise null.</summary>
    public static GptPattern? TryRecognize(string expression)
    {
        foreach (var dialect in Enum.GetValues<GptDialect>())
        {
            if (expression == Expression(dialect))
            {
                return new GptPattern(dialect);
            }
        }

        return null;
    }

    public override void FindMatches(ReadOnlySpan<char> text, RegexBudget budget, List<TextMatch> matches)
    {
        for (var position = 0; position < text.Length;)
        {
            var end = dialect == GptDialect.Gpt2 ? EndOfGpt2Match(text, position) : EndOfLlama3Match(text, position);
            matches.Add(new TextMatch(position, end - position));
            position = end;
        }
    }

    private int EndOfGpt2Match(ReadOnlySpan<char> text, int start)
    {
        if (text[start] == '\'' && ContractionLength(text[(start + 1)..], ignoreCase: false) is > 0 and var length)
        {
            return start + 1 + length;
        }

        var body = text[start] == ' ' && KindAt(text, start + 1, out _) is not (Kind.Space or Kind.End) ? start + 1 : start;
        var kind = KindAt(text, body, out _);
        return kind == Kind.Space ? EndOfSpaces(text, start, newlinesFirst: false) : EndOfRun(text, body, kind, _maxDigits);
    }

    private int EndOfLlama3Match(ReadOnlySpan<char> text, int start)
    {
        if (text[start] == '\'' && ContractionLength(text[(start + 1)..], ignoreCase: true) is > 0 and var length)
        {
            return start + 1 + length;
        }

        var kind = KindAt(text, start, out var width);
        switch (kind)
        {
            case Kind.Letter or Kind.Number:
                return EndOfRun(text, start, kind, _maxDigits);
            case Kind.Space or Kind.Other when text[start] is not ('\r' or '\n') && KindAt(text, start + width, out _) == Kind.Letter:
                return EndOfRun(text, start + width, Kind.Letter, _maxDigits);
            case Kind.Space when text[start] != ' ' || KindAt(text, start + 1, out _) != Kind.Other:
                return EndOfSpaces(text, start, newlinesFirst: true);
        }

        var end = EndOfRun(text, kind == Kind.Space ? start + 1 : start, Kind.Other, _maxDigits);
        while (end < text.Length && text[end] is '\r' or '\n')
        {
            end++;
        }

        return end;
    }

    private static int EndOfRun(ReadOnlySpan<char> text, int start, Kind kind, int maxDigits)
    {
        var end = start;
        var limit = kind == Kind.Number ? maxDigits : int.MaxValue;
        for (var count = 0; count < limit && KindAt(text, end, out var width) == kind; count++)
        {
            end += width;
        }

        return end;
    }

    // \s*[\r\n]+ (if asked for), then \s+(?!\S), then \s+. White space is never a surrogate pair.
    private static int EndOfSpaces(ReadOnlySpan<char> text, int start, bool newlinesFirst)
    {
        var end = EndOfRun(text, start, Kind.Space, int.MaxValue);
        if (newlinesFirst && text[start..end].LastIndexOfAny('\r', '\n') is >= 0 and var newline)
        {
            return start + newline + 1;
        }

        // The last space belongs to the word behind it, unless it is the only one.
        return end == text.Length || end == start + 1 ? end : end - 1;
    }

    private static int ContractionLength(ReadOnlySpan<char> text, bool ignoreCase)
    {
        if (text.IsEmpty)
        {
            return 0;
        }

        var first = Fold(text[0], ignoreCase);
        if (first is 's' or 't' or 'm' or 'd')
        {
            return 1;
        }

        var second = text.Length > 1 ? Fold(text[1], ignoreCase) : '\0';
        return (first, second) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? 2 : 0;
    }

    // The long s is the one character beyond ASCII that folds to a letter of a contraction.
    private static char Fold(char unit, bool ignoreCase) => !ignoreCase ? unit : unit == 'ſ' ? 's' : char.ToLowerInvariant(unit);

    private static Kind KindAt(ReadOnlySpan<char> text, int position, out int width)
    {
        width = 1;
        if (position >= text.Length)
        {
            return Kind.End;
        }

        var unit = text[position];
        if (char.IsAscii(unit))
        {
            return char.IsAsciiLetter(unit) ? Kind.Letter
                : char.IsAsciiDigit(unit) ? Kind.Number
                : unit is ' ' or (>= '\t' and <= '\r') ? Kind.Space
                : Kind.Other;
        }

        if (Rune.DecodeFromUtf16(text[position..], out var rune, out width) != OperationStatus.Done)
        {
            return Kind.Other;
        }

        return Rune.IsLetter(rune) ? Kind.Letter
            : Rune.IsNumber(rune) ? Kind.Number
            : Rune.IsWhiteSpace(rune) ? Kind.Space
            : Kind.Other;
    }
}
