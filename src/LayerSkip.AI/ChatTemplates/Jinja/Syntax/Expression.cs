using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Syntax;

/// <summary>An expression's syntax tree.</summary>
/// <param name="Line">Line on which the expression, or its operator, stands.</param>
internal abstract record Expression(int Line)
{
    public sealed record Literal(Value Value, int Line) : Expression(Line);

    public sealed record Name(string Identifier, int Line) : Expression(Line);

    public sealed record List(IReadOnlyList<Expression> Items, bool IsTuple, int Line) : Expression(Line);

    public sealed record Dict(IReadOnlyList<(Expression Key, Expression Value)> Entries, int Line) : Expression(Line);

    public sealed record Attribute(Expression Target, string Member, int Line) : Expression(Line);

    public sealed record Item(Expression Target, Expression Key, int Line) : Expression(Line);

    public sealed record Slice(Expression Target, Expression? Start, Expression? Stop, Expression? Step, int Line) : Expression(Line);

    public sealed record Call(Expression Callee, CallArguments Arguments, int Line) : Expression(Line);

    public sealed record Filter(Expression Target, FilterCall Applied, int Line) : Expression(Line);

    public sealed record Test(Expression Target, string Kind, CallArguments Arguments, int Line) : Expression(Line);

    public sealed record Negation(Expression Operand, bool IsPositive, int Line) : Expression(Line);

    public sealed record Not(Expression Operand, int Line) : Expression(Line);

    public sealed record Binary(string Operator, Expression Left, Expression Right, int Line) : Expression(Line);

    /// <summary>Short-circuit <c>and</c> or <c>or</c>.</summary>
    public sealed record Logical(bool IsAnd, Expression Left, Expression Right, int Line) : Expression(Line);

    /// <summary><c>a &lt; b &lt;= c</c>: each operand is evaluated once, and none after a false comparison.</summary>
    public sealed record Comparison(Expression First, IReadOnlyList<(string Operator, Expression Operand)> Rest, int Line) : Expression(Line);

    public sealed record Conditional(Expression Condition, Expression Then, Expression? Else, int Line) : Expression(Line);
}
