using System.Text;

namespace LayerSkip.AI.ChatTemplates.Jinja.Syntax;

/// <summary>Reads one token inside a tag: a name, a number, a string or an operator.</summary>
internal static class ExpressionLexer
{
    private const int MaxDigits = 1000;

    // Longest first, so that '**' is not read as '*'.
    private static readonly string[] s_operators =
    [
        "//", "**", "==", "!=", ">=", "<=",
        "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";",
    ];

    public static Token Read(string source, int start, int line, out int end)
    {
        var first = source[start];
        if (char.IsLetter(first) || first == '_')
        {
            end = start + 1;
            while (end < source.Length && (char.IsLetterOrDigit(source[end]) || source[end] == '_'))
            {
                end++;
            }

            return new Token(TokenKind.Name, source[start..end], line);
        }

        if (char.IsAsciiDigit(first))
        {
            return ReadNumber(source, start, line, out end);
        }

        if (first is '\'' or '"')
        {
            return ReadString(source, start, line, out end);
        }

        foreach (var text in s_operators)
        {
            if (string.CompareOrdinal(source, start, text, 0, text.Length) == 0)
            {
                end = start + text.Length;
                return new Token(TokenKind.Operator, text, line);
            }
        }

        Rune.DecodeFromUtf16(source.AsSpan(start), out var character, out _);
        throw new ChatTemplateException($"unexpected character '{character}'.", line);
    }

    private static Token ReadString(string source, int start, int line, out int end)
    {
        var quote = source[start];
        for (end = start + 1; end < source.Length; end++)
        {
            if (source[end] == '\\')
            {
                end++;
            }
            else if (source[end] == quote)
            {
                end++;
                return new Token(TokenKind.String, StringLiteral.Unescape(source[(start + 1)..(end - 1)], line), line);
            }
        }

        throw new ChatTemplateException($"the string opened here has no closing {quote}.", line);
    }

    // The token's text has no underscores; a prefixed integer (0x1f) keeps its prefix.
    private static Token ReadNumber(string source, int start, int line, out int end)
    {
        var kind = TokenKind.Integer;
        end = start;
        if (source[start] == '0' && start + 1 < source.Length && (source[start + 1] | 0x20) is 'x' or 'o' or 'b')
        {
            end = start + 2;
            SkipDigits(source, ref end, char.IsAsciiHexDigit);
        }
        else
        {
            SkipDigits(source, ref end, char.IsAsciiDigit);

            // After a dot stands an index ('pair.0.1'), not a float.
            var afterDot = start > 0 && source[start - 1] == '.';
            if (!afterDot && end + 1 < source.Length && source[end] == '.' && char.IsAsciiDigit(source[end + 1]))
            {
                kind = TokenKind.Float;
                end++;
                SkipDigits(source, ref end, char.IsAsciiDigit);
            }

            if (!afterDot && end < source.Length && (source[end] | 0x20) == 'e' && ExponentDigits(source, end + 1) is { } digits)
            {
                kind = TokenKind.Float;
                end = digits;
                SkipDigits(source, ref end, char.IsAsciiDigit);
            }
        }

        return end - start <= MaxDigits
            ? new Token(kind, source[start..end].Replace("_", string.Empty, StringComparison.Ordinal), line)
            : throw new ChatTemplateException($"a number has more than {MaxDigits} digits.", line);
    }

    private static void SkipDigits(string source, ref int position, Func<char, bool> isDigit)
    {
        while (position < source.Length
            && (isDigit(source[position]) || (source[position] == '_' && position + 1 < source.Length && isDigit(source[position + 1]))))
        {
            position++;
        }
    }

    private static int? ExponentDigits(string source, int position)
    {
        if (position < source.Length && source[position] is '+' or '-')
        {
            position++;
        }

        return position < source.Length && char.IsAsciiDigit(source[position]) ? position : null;
    }
}
