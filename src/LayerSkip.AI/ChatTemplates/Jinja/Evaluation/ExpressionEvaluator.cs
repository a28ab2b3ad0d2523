using LayerSkip.AI.ChatTemplates.Jinja.Library;
using LayerSkip.AI.ChatTemplates.Jinja.Syntax;
using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Evaluation;

/// <summary>Evaluates expressions: one method a kind of node, in the order of <see cref="Expression"/>.</summary>
internal sealed class ExpressionEvaluator(RenderBudget budget)
{
    public Value Evaluate(Expression expression, Scope scope)
    {
        var enclosingLine = budget.Enter(expression.Line);
        var value = expression switch
        {
            Expression.Literal literal => literal.Value,
            Expression.Name name => scope.Find(name.Identifier, budget),
            Expression.List list => EvaluateList(list, scope),
            Expression.Dict dict => EvaluateDict(dict, scope),
            Expression.Attribute attribute => Members.Attribute(Evaluate(attribute.Target, scope), attribute.Member, budget),
            Expression.Item item => Members.Item(Evaluate(item.Target, scope), Evaluate(item.Key, scope), budget),
            Expression.Slice slice => EvaluateSlice(slice, scope),
            Expression.Call call => EvaluateCall(call, scope),
            Expression.Filter filter => ApplyFilter(filter.Applied, Evaluate(filter.Target, scope), scope),
            Expression.Test test => EvaluateTest(test, scope),
            Expression.Negation negation => Arithmetic.Signed(Evaluate(negation.Operand, scope), negation.IsPositive),
            Expression.Not not => BooleanValue.Of(!Evaluate(not.Operand, scope).IsTrue),
            Expression.Binary binary => Arithmetic.Apply(binary.Operator, Evaluate(binary.Left, scope), Evaluate(binary.Right, scope), budget),
            Expression.Logical logical => EvaluateLogical(logical, scope),
            Expression.Comparison comparison => EvaluateComparison(comparison, scope),
            Expression.Conditional conditional => EvaluateConditional(conditional, scope),
            _ => throw new InvalidOperationException($"No evaluation for {expression.GetType().Name}."),
        };
        budget.Leave(enclosingLine);
        return value;
    }

    public Value ApplyFilters(IReadOnlyList<FilterCall> filters, Value input, Scope scope)
    {
        foreach (var filter in filters)
        {
            input = ApplyFilter(filter, input, scope);
        }

        return input;
    }

    /// <summary>Calls a function with the arguments as written, and one more by name where a call block hands on its body.</summary>
    public Value EvaluateCall(Expression.Call call, Scope scope, KeyValuePair<StringValue, Value>? extra = null)
    {
        var callee = Evaluate(call.Callee, scope);
        var arguments = EvaluateArguments(call.Arguments, scope, extra);
        return callee switch
        {
            CallableValue callable => callable.Call(arguments, budget),
            UndefinedValue undefined => throw undefined.Error(),
            _ => throw new JinjaException($"a value of type '{callee.TypeName}' cannot be called."),
        };
    }

    private ListValue EvaluateList(Expression.List list, Scope scope)
    {
        var items = new Value[list.Items.Count];
        for (var i = 0; i < items.Length; i++)
        {
            items[i] = Evaluate(list.Items[i], scope);
        }

        return new ListValue(items, list.IsTuple);
    }

    private DictValue EvaluateDict(Expression.Dict dict, Scope scope)
    {
        var entries = new List<KeyValuePair<Value, Value>>(dict.Entries.Count);
        foreach (var (key, value) in dict.Entries)
        {
            entries.Add(new(Evaluate(key, scope), Evaluate(value, scope)));
        }

        return DictValue.Create(entries, budget);
    }

    private Value EvaluateSlice(Expression.Slice slice, Scope scope)
    {
        var target = Evaluate(slice.Target, scope);
        return Slicing.Slice(target, Bound(slice.Start), Bound(slice.Stop), Bound(slice.Step), budget);

        int? Bound(Expression? bound)
        {
            var value = bound is null ? NoneValue.Instance : Evaluate(bound, scope);
            return value is NoneValue ? null : Numbers.ToInt32(value, "a slice's bound");
        }
    }

    private Arguments EvaluateArguments(CallArguments arguments, Scope scope, KeyValuePair<StringValue, Value>? extra = null)
    {
        if (ReferenceEquals(arguments, CallArguments.None) && extra is null)
        {
            return Arguments.None;
        }

        var positional = new List<Value>(arguments.Positional.Count);
        foreach (var argument in arguments.Positional)
        {
            positional.Add(Evaluate(argument, scope));
        }

        var named = new List<KeyValuePair<StringValue, Value>>(arguments.Named.Count);
        foreach (var (name, value) in arguments.Named)
        {
            named.Add(new(name, Evaluate(value, scope)));
        }

        if (arguments.ExtraPositional is { } extraPositional)
        {
            positional.AddRange(Sequences.Items(Evaluate(extraPositional, scope), budget));
        }

        if (arguments.ExtraNamed is { } extraNamed)
        {
            named.AddRange(NamedFrom(Evaluate(extraNamed, scope)));
        }

        if (extra is { } last)
        {
            named.Add(last);
        }

        return new Arguments(positional, named);
    }

    private IEnumerable<KeyValuePair<StringValue, Value>> NamedFrom(Value value)
    {
        if (value is not DictValue dict)
        {
            throw new JinjaException($"'**' must be followed by a dict, not '{value.TypeName}'.");
        }

        budget.SpendItems(dict.Entries.Count);
        return dict.Entries.Select(entry => entry.Key is StringValue name
            ? KeyValuePair.Create(name, entry.Value)
            : throw new JinjaException("the keys of the dict after '**' must be strings."));
    }

    private Value ApplyFilter(FilterCall filter, Value input, Scope scope)
    {
        var arguments = EvaluateArguments(filter.Arguments, scope);
        return Filters.Find(filter.Name)(input, arguments, budget);
    }

    private BooleanValue EvaluateTest(Expression.Test test, Scope scope)
    {
        var target = Evaluate(test.Target, scope);
        var arguments = EvaluateArguments(test.Arguments, scope);
        return BooleanValue.Of(Tests.Find(test.Kind)(target, arguments, budget));
    }

    private Value EvaluateLogical(Expression.Logical logical, Scope scope)
    {
        var left = Evaluate(logical.Left, scope);
        return left.IsTrue == logical.IsAnd ? Evaluate(logical.Right, scope) : left;
    }

    private BooleanValue EvaluateComparison(Expression.Comparison comparison, Scope scope)
    {
        var left = Evaluate(comparison.First, scope);
        foreach (var (operation, operand) in comparison.Rest)
        {
            var right = Evaluate(operand, scope);
            if (!Comparison.Holds(operation, left, right, budget))
            {
                return BooleanValue.False;
            }

            left = right;
        }

        return BooleanValue.True;
    }

    private Value EvaluateConditional(Expression.Conditional conditional, Scope scope)
    {
        if (Evaluate(conditional.Condition, scope).IsTrue)
        {
            return Evaluate(conditional.Then, scope);
        }

        return conditional.Else is { } otherwise
            ? Evaluate(otherwise, scope)
            : new UndefinedValue(static () => "the inline 'if' has no 'else' and its condition is false");
    }
}
