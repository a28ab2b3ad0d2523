using LayerSkip.AI.ChatTemplates.Jinja.Evaluation;
using LayerSkip.AI.ChatTemplates.Jinja.Library;
using LayerSkip.AI.ChatTemplates.Jinja.Syntax;
using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja;

/// <summary>
/// A parsed template in the dialect of Hugging Face transformers: Jinja with <c>trim_blocks</c>, <c>lstrip_blocks</c> and loop
/// controls, in the immutable sandbox. Renders concurrently: a rendering shares nothing but the syntax tree.
/// </summary>
internal sealed class JinjaTemplate
{
    private readonly IReadOnlyList<Statement> _body;

    private JinjaTemplate(IReadOnlyList<Statement> body) => _body = body;

    public static JinjaTemplate Parse(string source, JinjaLimits limits) => new(Parser.Parse(source, limits));

    public StringValue Render(IEnumerable<KeyValuePair<string, Value>> variables, TimeProvider time, JinjaLimits limits)
    {
        var budget = new RenderBudget(limits);
        var output = new StringValueBuilder(budget);
        try
        {
            var scope = new Scope(GlobalFunctions.CreateScope(time, budget));
            foreach (var (name, value) in variables)
            {
                scope.Set(name, value, budget);
            }

            new StatementExecutor(budget).Execute(_body, new Scope(scope), output);
        }
        catch (JinjaException exception)
        {
            throw new ChatTemplateException(exception.Message, budget.Line, exception.Refusal, exception);
        }

        return output.ToValue();
    }
}
