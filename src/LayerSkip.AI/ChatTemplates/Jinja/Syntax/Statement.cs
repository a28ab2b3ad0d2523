using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Syntax;

/// <summary>A statement's syntax tree.</summary>
/// <param name="Line">Line on which the statement begins.</param>
internal abstract record Statement(int Line)
{
    public sealed record Text(StringValue Value, int Line) : Statement(Line);

    public sealed record Output(Expression Value, int Line) : Statement(Line);

    public sealed record If(IReadOnlyList<(Expression Condition, IReadOnlyList<Statement> Body)> Branches, IReadOnlyList<Statement> Else, int Line) : Statement(Line);

    public sealed record For(AssignmentTarget Target, Expression Iterable, Expression? Condition, IReadOnlyList<Statement> Body, IReadOnlyList<Statement> Else, int Line) : Statement(Line);

    public sealed record Break(int Line) : Statement(Line);

    public sealed record Continue(int Line) : Statement(Line);

    public sealed record Set(AssignmentTarget Target, Expression Value, int Line) : Statement(Line);

    /// <summary><c>{% set name | filters %}body{% endset %}</c></summary>
    public sealed record SetBlock(AssignmentTarget Target, IReadOnlyList<FilterCall> Filters, IReadOnlyList<Statement> Body, int Line) : Statement(Line);

    public sealed record FilterBlock(IReadOnlyList<FilterCall> Filters, IReadOnlyList<Statement> Body, int Line) : Statement(Line);

    public sealed record Macro(string Name, IReadOnlyList<(string Name, Expression? Default)> Parameters, IReadOnlyList<Statement> Body, int Line) : Statement(Line);

    /// <summary><c>{% call(parameters) macro(…) %}body{% endcall %}</c>: <paramref name="Caller"/> is the body as a macro.</summary>
    public sealed record CallBlock(Macro Caller, Expression.Call Call, int Line) : Statement(Line);

    /// <summary>A body with variables of its own: <c>with</c>, and <c>generation</c>, which only marks training targets.</summary>
    public sealed record Scoped(IReadOnlyList<(AssignmentTarget Target, Expression Value)> Variables, IReadOnlyList<Statement> Body, int Line) : Statement(Line);
}
