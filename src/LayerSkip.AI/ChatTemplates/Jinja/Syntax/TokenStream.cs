using System.Runtime.CompilerServices;

namespace LayerSkip.AI.ChatTemplates.Jinja.Syntax;

/// <summary>The tokens before the parsers, and the bound on how deep they may descend.</summary>
internal sealed class TokenStream(IReadOnlyList<Token> tokens, int maxDepth)
{
    private int _position;
    private int _depth;

    public Token Current => tokens[_position];

    public Token Following => tokens[Math.Min(_position + 1, tokens.Count - 1)];

    public Token Next()
    {
        var token = Current;
        if (token.Kind != TokenKind.End)
        {
            _position++;
        }

        return token;
    }

    public bool TryOperator(string text) => TryTake(Current.IsOperator(text));

    public bool TryName(string text) => TryTake(Current.IsName(text));

    public Token ExpectOperator(string text, string where) => Expect(Current.IsOperator(text), $"'{text}' {where}");

    public Token ExpectName(string text, string where) => Expect(Current.IsName(text), $"'{text}' {where}");

    public Token ExpectIdentifier(string what) => Expect(Current.Kind == TokenKind.Name, what);

    public void ExpectBlockEnd(string tag) => Expect(Current.Kind == TokenKind.BlockEnd, $"'%}}' after '{tag}'");

    public Token Expect(bool holds, string expected) =>
        holds ? Next() : throw Error($"expected {expected}, but found {Current.Description}.");

    /// <summary>Reads items with commas between, and perhaps one after the last, up to the closing bracket.</summary>
    public void ReadUntil(string closing, string item, Action read)
    {
        for (var isFirst = true; !TryOperator(closing); isFirst = false)
        {
            if (!isFirst)
            {
                ExpectOperator(",", $"or '{closing}' after {item}");
                if (TryOperator(closing))
                {
                    return;
                }
            }

            read();
        }
    }

    public ChatTemplateException Error(string message) => new(message, Current.Line);

    public void Enter()
    {
        if (++_depth > maxDepth || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw Error($"expressions or blocks are nested too deeply (more than {_depth - 1} levels).");
        }
    }

    public void Leave() => _depth--;

    private bool TryTake(bool holds)
    {
        if (holds)
        {
            Next();
        }

        return holds;
    }
}
