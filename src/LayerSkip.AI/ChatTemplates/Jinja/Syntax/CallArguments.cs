using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Syntax;

/// <summary>The arguments of a call, a filter or a test as they are written.</summary>
/// <param name="Positional">In order.</param>
/// <param name="Named">In order.</param>
/// <param name="ExtraPositional">The operand of <c>*</c>, if any.</param>
/// <param name="ExtraNamed">The operand of <c>**</c>, if any.</param>
internal sealed record CallArguments(
    IReadOnlyList<Expression> Positional,
    IReadOnlyList<(StringValue Name, Expression Value)> Named,
    Expression? ExtraPositional = null,
    Expression? ExtraNamed = null)
{
    public static readonly CallArguments None = new([], []);
}
