namespace LayerSkip.AI.ChatTemplates.Jinja.Syntax;

internal enum TokenKind
{
    /// <summary>Text outside of tags, white space control applied.</summary>
    Text,

    /// <summary><c>{{</c></summary>
    OutputBegin,

    /// <summary><c>}}</c></summary>
    OutputEnd,

    /// <summary><c>{%</c></summary>
    BlockBegin,

    /// <summary><c>%}</c></summary>
    BlockEnd,
    Name,
    Integer,
    Float,

    /// <summary>A quoted string; the token holds its value, not its spelling.</summary>
    String,
    Operator,
    End,
}
