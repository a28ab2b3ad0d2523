using LayerSkip.AI.ChatTemplates.Jinja.Library;
using LayerSkip.AI.ChatTemplates.Jinja.Syntax;
using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Evaluation;

/// <summary>Executes statements: what they print goes to the output they are given, what they assign to the scope.</summary>
internal sealed class StatementExecutor(RenderBudget budget)
{
    private const string CallerName = "caller";

    private static readonly StringValue s_caller = StringValue.Of(CallerName, PromptOrigin.Template);

    private readonly ExpressionEvaluator _expressions = new(budget);

    public Completion Execute(IReadOnlyList<Statement> body, Scope scope, StringValueBuilder output)
    {
        foreach (var statement in body)
        {
            var enclosingLine = budget.Enter(statement.Line);
            var completion = Execute(statement, scope, output);
            budget.Leave(enclosingLine);
            if (completion != Completion.Normal)
            {
                return completion;
            }
        }

        return Completion.Normal;
    }

    /// <summary>Runs a macro: its arguments become variables, and what it prints its value.</summary>
    public Value CallMacro(Statement.Macro macro, Scope definitionScope, Arguments arguments)
    {
        var scope = new Scope(definitionScope);
        Value caller = new UndefinedValue(() => $"no 'call' block called the macro {JinjaException.Quote(macro.Name)}");
        var named = arguments.Named;
        if (named.Count > 0 && named[^1] is { Key.Text: CallerName, Value: MacroValue body })
        {
            caller = body;
            named = [.. named.SkipLast(1)];
        }

        scope.Set(CallerName, caller, budget);

        // Each name is compared with those of the parameters, and each parameter becomes a variable.
        budget.Spend(macro.Parameters.Count);
        budget.SpendCharacters(named.Count * macro.Parameters.Sum(parameter => (long)parameter.Name.Length));
        var bound = new Arguments(arguments.Positional, named).Bind(macro.Name, [.. macro.Parameters.Select(parameter => parameter.Name)]);
        for (var i = 0; i < bound.Length; i++)
        {
            var (name, fallback) = macro.Parameters[i];
            scope.Set(name, bound[i] ?? (fallback is null ? NotGiven(macro, name) : _expressions.Evaluate(fallback, scope)), budget);
        }

        var output = new StringValueBuilder(budget);
        Execute(macro.Body, scope, output);
        return output.ToValue();
    }

    private static UndefinedValue NotGiven(Statement.Macro macro, string parameter) =>
        new(() => $"the macro {JinjaException.Quote(macro.Name)} was not given {JinjaException.Quote(parameter)}");

    private Completion Execute(Statement statement, Scope scope, StringValueBuilder output)
    {
        switch (statement)
        {
            case Statement.Text text:
                output.Append(text.Value);
                return Completion.Normal;
            case Statement.Output print:
                output.Append(PythonText.ToText(_expressions.Evaluate(print.Value, scope), budget));
                return Completion.Normal;
            case Statement.If branch:
                return ExecuteIf(branch, scope, output);
            case Statement.For loop:
                return ExecuteFor(loop, scope, output);
            case Statement.Break:
                return Completion.Break;
            case Statement.Continue:
                return Completion.Continue;
            case Statement.Set set:
                Assign(set.Target, _expressions.Evaluate(set.Value, scope), scope);
                return Completion.Normal;
            case Statement.SetBlock set:
                return ExecuteSetBlock(set, scope);
            case Statement.FilterBlock filter:
                return ExecuteFilterBlock(filter, scope, output);
            case Statement.Macro macro:
                scope.Set(macro.Name, new MacroValue(macro, scope, this), budget);
                return Completion.Normal;
            case Statement.CallBlock call:
                var caller = KeyValuePair.Create<StringValue, Value>(s_caller, new MacroValue(call.Caller, scope, this));
                output.Append(PythonText.ToText(_expressions.EvaluateCall(call.Call, scope, caller), budget));
                return Completion.Normal;
            case Statement.Scoped block:
                return ExecuteScoped(block, scope, output);
            default:
                throw new InvalidOperationException($"No execution for {statement.GetType().Name}.");
        }
    }

    private Completion ExecuteIf(Statement.If branch, Scope scope, StringValueBuilder output)
    {
        foreach (var (condition, body) in branch.Branches)
        {
            if (_expressions.Evaluate(condition, scope).IsTrue)
            {
                return Execute(body, scope, output);
            }
        }

        return Execute(branch.Else, scope, output);
    }

    private Completion ExecuteFor(Statement.For loop, Scope scope, StringValueBuilder output)
    {
        var items = SelectItems(loop, scope);
        if (items.Count == 0)
        {
            return Execute(loop.Else, scope, output);
        }

        var state = new LoopValue(items);
        for (; state.Index < items.Count; state.Index++)
        {
            var iteration = new Scope(scope);
            Assign(loop.Target, items[state.Index], iteration);
            iteration.Set("loop", state, budget);
            budget.Spend(1);
            if (Execute(loop.Body, iteration, output) == Completion.Break)
            {
                break;
            }
        }

        return Completion.Normal;
    }

    private IReadOnlyList<Value> SelectItems(Statement.For loop, Scope scope)
    {
        var items = Sequences.Items(_expressions.Evaluate(loop.Iterable, scope), budget);
        if (loop.Condition is not { } condition)
        {
            return items;
        }

        var selected = new List<Value>();
        foreach (var item in items)
        {
            var candidate = new Scope(scope);
            Assign(loop.Target, item, candidate);
            if (_expressions.Evaluate(condition, candidate).IsTrue)
            {
                selected.Add(item);
            }
        }

        return selected;
    }

    private Completion ExecuteSetBlock(Statement.SetBlock set, Scope scope)
    {
        var captured = new StringValueBuilder(budget);
        var inner = new Scope(scope);
        var completion = Execute(set.Body, inner, captured);
        Assign(set.Target, _expressions.ApplyFilters(set.Filters, captured.ToValue(), inner), scope);
        return completion;
    }

    private Completion ExecuteFilterBlock(Statement.FilterBlock filter, Scope scope, StringValueBuilder output)
    {
        var captured = new StringValueBuilder(budget);
        var inner = new Scope(scope);
        var completion = Execute(filter.Body, inner, captured);
        output.Append(PythonText.ToText(_expressions.ApplyFilters(filter.Filters, captured.ToValue(), inner), budget));
        return completion;
    }

    private Completion ExecuteScoped(Statement.Scoped block, Scope scope, StringValueBuilder output)
    {
        var inner = new Scope(scope);
        foreach (var (target, value) in block.Variables)
        {
            Assign(target, _expressions.Evaluate(value, scope), inner);
        }

        return Execute(block.Body, inner, output);
    }

    private void Assign(AssignmentTarget target, Value value, Scope scope)
    {
        switch (target)
        {
            case AssignmentTarget.Name name:
                scope.Set(name.Identifier, value, budget);
                break;
            case AssignmentTarget.NamespaceMember member:
                if (scope.Find(member.Namespace, budget) is not NamespaceValue space)
                {
                    var (owner, name) = (JinjaException.Shorten(member.Namespace), JinjaException.Shorten(member.Member));
                    throw new JinjaException($"cannot set '{owner}.{name}': '{owner}' is not a namespace.");
                }

                space.Set(member.Member, value, budget);
                break;
            case AssignmentTarget.Unpacked unpacked:
                var items = Sequences.Items(value, budget);
                if (items.Count != unpacked.Targets.Count)
                {
                    throw new JinjaException($"cannot unpack {items.Count} values into {unpacked.Targets.Count} variables.");
                }

                for (var i = 0; i < items.Count; i++)
                {
                    Assign(unpacked.Targets[i], items[i], scope);
                }

                break;
        }
    }
}
