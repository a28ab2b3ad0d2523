using LayerSkip.AI.ChatTemplates.Jinja.Library;

namespace LayerSkip.AI.ChatTemplates.Jinja.Syntax;

/// <summary>Cuts a template into tokens and applies white space control, as Jinja does with <c>trim_blocks</c> and <c>lstrip_blocks</c>.</summary>
/// <remarks>
/// trim_blocks: the newline after a block or comment goes. lstrip_blocks: the blanks between the start of a line and a block
/// or comment go. A tag's <c>-</c> takes all white space on its side, its <c>+</c> keeps it. Outputs (<c>{{ }}</c>) trim by <c>-</c> only.
/// </remarks>
internal sealed class Lexer
{
    private readonly string _source;
    private readonly List<Token> _tokens = [];
    private int _position;
    private int _line = 1;

    private Lexer(string source) => _source = source;

    public static List<Token> Tokenize(string source)
    {
        // As Jinja reads: one kind of newline, and none at the very end.
        source = source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        var lexer = new Lexer(source.EndsWith('\n') ? source[..^1] : source);
        while (lexer._position < lexer._source.Length)
        {
            lexer.ReadTextAndTag();
        }

        lexer.Add(TokenKind.End, string.Empty);
        return lexer._tokens;
    }

    private void ReadTextAndTag()
    {
        var tag = FindTag(_position);
        var text = _source[_position..tag];
        if (tag == _source.Length)
        {
            AddText(text);
            _position = tag;
            return;
        }

        var kind = _source[tag + 1];
        var sign = SignAt(tag + 2);
        AddText(TrimBeforeTag(text, sign, isBlock: kind != '{'));
        _line += _source.AsSpan(_position, tag - _position).Count('\n');
        _position = tag + (sign is null ? 2 : 3);

        if (kind == '#')
        {
            SkipComment();
        }
        else if (kind == '{')
        {
            Add(TokenKind.OutputBegin, "{{");
            ReadTokens("}}", TokenKind.OutputEnd);
        }
        else if (!TryReadRaw())
        {
            Add(TokenKind.BlockBegin, "{%");
            ReadTokens("%}", TokenKind.BlockEnd);
        }
    }

    private int FindTag(int from)
    {
        while ((from = _source.IndexOf('{', from)) >= 0 && from + 1 < _source.Length)
        {
            if (_source[from + 1] is '{' or '%' or '#')
            {
                return from;
            }

            from++;
        }

        return _source.Length;
    }

    private char? SignAt(int position) => position < _source.Length && _source[position] is '-' or '+' ? _source[position] : null;

    private string TrimBeforeTag(string text, char? sign, bool isBlock)
    {
        if (sign == '-')
        {
            return text.AsSpan(0, EndWithoutSpace(text)).ToString();
        }

        if (sign == '+' || !isBlock)
        {
            return text;
        }

        var lineStart = text.LastIndexOf('\n') + 1;
        var startsLine = lineStart > 0 || _position == 0 || _source[_position - 1] == '\n';
        return startsLine && EndWithoutSpace(text) <= lineStart ? text[..lineStart] : text;
    }

    private static int EndWithoutSpace(string text)
    {
        var end = text.Length;
        while (end > 0 && CodePoints.IsSpace(text[end - 1]))
        {
            end--;
        }

        return end;
    }

    private void SkipComment()
    {
        var end = _source.IndexOf("#}", _position, StringComparison.Ordinal);
        if (end < 0)
        {
            throw Error("the comment opened here has no end ('#}').");
        }

        var sign = end > _position ? SignAt(end - 1) : null;
        AdvanceTo(end + 2);
        TrimAfterTag(sign);
    }

    private void TrimAfterTag(char? sign)
    {
        if (sign == '-')
        {
            SkipSpace();
        }
        else if (sign is null && _position < _source.Length && _source[_position] == '\n')
        {
            AdvanceTo(_position + 1);
        }
    }

    // {% raw %} ... {% endraw %}: what is between is text, tags and all.
    private bool TryReadRaw()
    {
        if (MatchTagWord(_position, "raw") is not { } begin)
        {
            return false;
        }

        var openingLine = _line;
        AdvanceTo(begin.End);
        if (begin.Sign == '-')
        {
            SkipSpace();
        }

        for (var tag = _position; (tag = _source.IndexOf("{%", tag, StringComparison.Ordinal)) >= 0; tag += 2)
        {
            var sign = SignAt(tag + 2);
            if (MatchTagWord(tag + (sign is null ? 2 : 3), "endraw") is { } end)
            {
                AddText(TrimBeforeTag(_source[_position..tag], sign, isBlock: true));
                AdvanceTo(end.End);
                TrimAfterTag(end.Sign);
                return true;
            }
        }

        throw new ChatTemplateException("the 'raw' block opened here has no 'endraw'.", openingLine);
    }

    private (int End, char? Sign)? MatchTagWord(int position, string word)
    {
        position = SpaceEnd(position);
        if (!_source.AsSpan(position).StartsWith(word, StringComparison.Ordinal))
        {
            return null;
        }

        position = SpaceEnd(position + word.Length);
        var sign = SignAt(position);
        position += sign is null ? 0 : 1;
        return _source.AsSpan(position).StartsWith("%}", StringComparison.Ordinal) ? (position + 2, sign) : null;
    }

    private void ReadTokens(string closing, TokenKind closingKind)
    {
        var openingLine = _line;
        var brackets = new Stack<char>();
        while (true)
        {
            SkipSpace();
            if (_position >= _source.Length)
            {
                throw new ChatTemplateException($"the tag opened here has no end ('{closing}').", openingLine);
            }

            if (brackets.Count == 0 && TryReadClosing(closing, closingKind))
            {
                return;
            }

            var token = ExpressionLexer.Read(_source, _position, _line, out var end);
            CheckBrackets(token, brackets);
            _tokens.Add(token);
            AdvanceTo(end);
        }
    }

    private bool TryReadClosing(string closing, TokenKind kind)
    {
        // An output knows no '+' at its end: there it is an operator.
        var sign = SignAt(_position) is { } found && (found == '-' || kind == TokenKind.BlockEnd) ? found : (char?)null;
        var start = sign is null ? _position : _position + 1;
        if (!_source.AsSpan(start).StartsWith(closing, StringComparison.Ordinal))
        {
            return false;
        }

        Add(kind, closing);
        AdvanceTo(start + closing.Length);
        if (kind == TokenKind.BlockEnd)
        {
            TrimAfterTag(sign);
        }
        else if (sign == '-')
        {
            SkipSpace();
        }

        return true;
    }

    private static void CheckBrackets(Token token, Stack<char> brackets)
    {
        if (token.Kind != TokenKind.Operator)
        {
            return;
        }

        switch (token.Text[0])
        {
            case '(':
                brackets.Push(')');
                break;
            case '[':
                brackets.Push(']');
                break;
            case '{':
                brackets.Push('}');
                break;
            case ')' or ']' or '}' when !brackets.TryPop(out var expected) || expected != token.Text[0]:
                throw new ChatTemplateException($"unexpected '{token.Text}'{(expected == '\0' ? string.Empty : $", expected '{expected}'")}.", token.Line);
        }
    }

    private int SpaceEnd(int position)
    {
        while (position < _source.Length && CodePoints.IsSpace(_source[position]))
        {
            position++;
        }

        return position;
    }

    private void SkipSpace() => AdvanceTo(SpaceEnd(_position));

    private void AdvanceTo(int position)
    {
        _line += _source.AsSpan(_position, position - _position).Count('\n');
        _position = position;
    }

    private void AddText(string text)
    {
        if (text.Length > 0)
        {
            Add(TokenKind.Text, text);
        }
    }

    private void Add(TokenKind kind, string text) => _tokens.Add(new Token(kind, text, _line));

    private ChatTemplateException Error(string message) => new(message, _line);
}
