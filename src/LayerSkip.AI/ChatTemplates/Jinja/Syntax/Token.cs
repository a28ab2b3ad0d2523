namespace LayerSkip.AI.ChatTemplates.Jinja.Syntax;

internal readonly record struct Token(TokenKind Kind, string Text, int Line)
{
    /// <summary>The token as an error message shows it.</summary>
    public string Description => Kind switch
    {
        TokenKind.End => "the end of the template",
        TokenKind.Text => "text",
        TokenKind.String => "a string",
        _ => JinjaException.Quote(Text),
    };

    public bool IsOperator(string text) => Kind == TokenKind.Operator && Text == text;

    public bool IsName(string text) => Kind == TokenKind.Name && Text == text;
}
