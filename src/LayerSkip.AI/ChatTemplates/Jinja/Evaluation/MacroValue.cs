using LayerSkip.AI.ChatTemplates.Jinja.Syntax;
using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Evaluation;

/// <summary>A macro with the variables it can see: those of the scope it was defined in, as they are when it is called.</summary>
internal sealed class MacroValue(Statement.Macro macro, Scope scope, StatementExecutor executor) : CallableValue(macro.Name)
{
    public override Value Call(Arguments arguments, RenderBudget budget) => executor.CallMacro(macro, scope, arguments);
}
