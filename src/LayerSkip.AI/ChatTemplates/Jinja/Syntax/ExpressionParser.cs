using System.Globalization;
using System.Text;
using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Syntax;

/// <summary>Parses expressions. From the loosest: <c>if else</c>, or, and, not, comparisons, + -, ~, * / // %, **, signs, filters and tests.</summary>
internal sealed class ExpressionParser(TokenStream tokens)
{
    private static readonly string[][] s_binaryOperators = [["+", "-"], ["~"], ["*", "/", "//", "%"], ["**"]];

    /// <summary>An expression, or several with commas between, which make a tuple.</summary>
    public Expression ParseTuple(bool withConditional = true)
    {
        var line = tokens.Current.Line;
        var first = Parse(withConditional);
        if (!tokens.Current.IsOperator(","))
        {
            return first;
        }

        var items = new List<Expression> { first };
        while (tokens.TryOperator(",") && !EndsTuple)
        {
            items.Add(Parse(withConditional));
        }

        return new Expression.List(items, IsTuple: true, line);
    }

    public Expression Parse(bool withConditional = true)
    {
        tokens.Enter();
        var expression = withConditional ? ParseConditional() : ParseLogical(isAnd: false);
        tokens.Leave();
        return expression;
    }

    /// <summary>The filters of a <c>set</c> or <c>filter</c> block: <c>upper | trim</c>.</summary>
    public IReadOnlyList<FilterCall> ParseFilters()
    {
        var filters = new List<FilterCall>();
        do
        {
            filters.Add(ParseFilterCall());
        }
        while (tokens.TryOperator("|"));

        return filters;
    }

    private bool EndsTuple => tokens.Current.Kind is TokenKind.OutputEnd or TokenKind.BlockEnd
        || tokens.Current.IsOperator(")") || tokens.Current.IsOperator("=") || tokens.Current.IsName("in");

    private Expression ParseConditional()
    {
        var then = ParseLogical(isAnd: false);
        while (tokens.Current.IsName("if"))
        {
            var line = tokens.Next().Line;
            var condition = ParseLogical(isAnd: false);
            var otherwise = tokens.TryName("else") ? Parse() : null;
            then = new Expression.Conditional(condition, then, otherwise, line);
        }

        return then;
    }

    private Expression ParseLogical(bool isAnd)
    {
        var left = isAnd ? ParseNot() : ParseLogical(isAnd: true);
        while (tokens.Current.IsName(isAnd ? "and" : "or"))
        {
            var line = tokens.Next().Line;
            left = new Expression.Logical(isAnd, left, isAnd ? ParseNot() : ParseLogical(isAnd: true), line);
        }

        return left;
    }

    private Expression ParseNot()
    {
        if (!tokens.Current.IsName("not"))
        {
            return ParseComparison();
        }

        var line = tokens.Next().Line;
        tokens.Enter();
        var operand = ParseNot();
        tokens.Leave();
        return new Expression.Not(operand, line);
    }

    private Expression ParseComparison()
    {
        var line = tokens.Current.Line;
        var first = ParseBinary(level: 0);
        var rest = new List<(string, Expression)>();
        while (TryComparisonOperator() is { } comparison)
        {
            rest.Add((comparison, ParseBinary(level: 0)));
        }

        return rest.Count == 0 ? first : new Expression.Comparison(first, rest, line);
    }

    private string? TryComparisonOperator()
    {
        if (tokens.Current is { Kind: TokenKind.Operator, Text: "==" or "!=" or "<" or "<=" or ">" or ">=" })
        {
            return tokens.Next().Text;
        }

        if (tokens.TryName("in"))
        {
            return "in";
        }

        if (tokens.Current.IsName("not") && tokens.Following.IsName("in"))
        {
            tokens.Next();
            tokens.Next();
            return "not in";
        }

        return null;
    }

    private Expression ParseBinary(int level)
    {
        if (level == s_binaryOperators.Length)
        {
            return ParseUnary(withFilters: true);
        }

        var left = ParseBinary(level + 1);
        while (tokens.Current.Kind == TokenKind.Operator && s_binaryOperators[level].Contains(tokens.Current.Text))
        {
            var operation = tokens.Next();
            left = new Expression.Binary(operation.Text, left, ParseBinary(level + 1), operation.Line);
        }

        return left;
    }

    // A sign binds tighter than '**' and than filters: -2 ** 2 is 4, -1 | abs is 1.
    private Expression ParseUnary(bool withFilters)
    {
        Expression expression;
        if (tokens.Current is { Kind: TokenKind.Operator, Text: "-" or "+" })
        {
            var sign = tokens.Next();
            tokens.Enter();
            expression = new Expression.Negation(ParseUnary(withFilters: false), IsPositive: sign.Text == "+", sign.Line);
            tokens.Leave();
        }
        else
        {
            expression = ParsePrimary();
        }

        expression = ParsePostfix(expression);
        return withFilters ? ParseFiltersAndTests(expression) : expression;
    }

    private Expression ParsePrimary()
    {
        var token = tokens.Next();
        switch (token)
        {
            case { Kind: TokenKind.Name }:
                return Constant(token.Text) is { } constant
                    ? new Expression.Literal(constant, token.Line)
                    : new Expression.Name(token.Text, token.Line);
            case { Kind: TokenKind.String }:
                return new Expression.Literal(StringValue.Of(ParseStrings(token.Text), PromptOrigin.Template), token.Line);
            case { Kind: TokenKind.Integer }:
                return new Expression.Literal(new IntegerValue(IntegerLiteral.Parse(token)), token.Line);
            case { Kind: TokenKind.Float }:
                return new Expression.Literal(new FloatValue(double.Parse(token.Text, CultureInfo.InvariantCulture)), token.Line);
            case { Kind: TokenKind.Operator, Text: "(" }:
                return ParseParenthesized(token.Line);
            case { Kind: TokenKind.Operator, Text: "[" }:
                return ParseList(token.Line);
            case { Kind: TokenKind.Operator, Text: "{" }:
                return ParseDict(token.Line);
            default:
                throw new ChatTemplateException($"expected an expression, but found {token.Description}.", token.Line);
        }
    }

    /// <summary>Strings side by side are one.</summary>
    private string ParseStrings(string first)
    {
        if (tokens.Current.Kind != TokenKind.String)
        {
            return first;
        }

        var text = new StringBuilder(first);
        while (tokens.Current.Kind == TokenKind.String)
        {
            text.Append(tokens.Next().Text);
        }

        return text.ToString();
    }

    private static Value? Constant(string name) => name switch
    {
        "true" or "True" => BooleanValue.True,
        "false" or "False" => BooleanValue.False,
        "none" or "None" => NoneValue.Instance,
        _ => null,
    };

    private Expression ParseParenthesized(int line)
    {
        var expression = tokens.Current.IsOperator(")") ? new Expression.List([], IsTuple: true, line) : ParseTuple();
        tokens.ExpectOperator(")", "to close the '('");
        return expression;
    }

    private Expression.List ParseList(int line)
    {
        var items = new List<Expression>();
        tokens.ReadUntil("]", "a list's item", () => items.Add(Parse()));
        return new Expression.List(items, IsTuple: false, line);
    }

    private Expression.Dict ParseDict(int line)
    {
        var entries = new List<(Expression, Expression)>();
        tokens.ReadUntil("}", "a dict's entry", () =>
        {
            var key = Parse();
            tokens.ExpectOperator(":", "after a dict's key");
            entries.Add((key, Parse()));
        });
        return new Expression.Dict(entries, line);
    }

    private Expression ParsePostfix(Expression target)
    {
        while (true)
        {
            var token = tokens.Current;
            if (tokens.TryOperator("."))
            {
                var member = tokens.Expect(tokens.Current.Kind is TokenKind.Name or TokenKind.Integer, "an attribute's name after '.'");
                target = member.Kind == TokenKind.Name
                    ? new Expression.Attribute(target, member.Text, token.Line)
                    : new Expression.Item(target, new Expression.Literal(new IntegerValue(IntegerLiteral.Parse(member)), member.Line), token.Line);
            }
            else if (tokens.TryOperator("["))
            {
                target = ParseSubscript(target, token.Line);
            }
            else if (token.IsOperator("("))
            {
                target = new Expression.Call(target, ParseArguments(), token.Line);
            }
            else
            {
                return target;
            }
        }
    }

    private Expression ParseSubscript(Expression target, int line)
    {
        var start = tokens.Current.IsOperator(":") ? null : ParseTuple();
        if (start is not null && tokens.TryOperator("]"))
        {
            return new Expression.Item(target, start, line);
        }

        tokens.ExpectOperator(":", "or ']' in a subscript");
        var stop = tokens.Current.IsOperator(":") || tokens.Current.IsOperator("]") ? null : Parse();
        var step = tokens.TryOperator(":") && !tokens.Current.IsOperator("]") ? Parse() : null;
        tokens.ExpectOperator("]", "to close the '['");
        return new Expression.Slice(target, start, stop, step, line);
    }

    private CallArguments ParseArguments()
    {
        var positional = new List<Expression>();
        var named = new List<(StringValue, Expression)>();
        Expression? extraPositional = null, extraNamed = null;
        tokens.ExpectOperator("(", "before arguments");
        tokens.ReadUntil(")", "an argument", () =>
        {
            if (extraPositional is null && extraNamed is null && tokens.TryOperator("*"))
            {
                extraPositional = Parse();
            }
            else if (extraNamed is null && tokens.TryOperator("**"))
            {
                extraNamed = Parse();
            }
            else if (extraNamed is null && tokens.Current.Kind == TokenKind.Name && tokens.Following.IsOperator("="))
            {
                var name = StringValue.Of(tokens.Next().Text, PromptOrigin.Template);
                tokens.Next();
                named.Add((name, Parse()));
            }
            else if (named.Count == 0 && extraPositional is null && extraNamed is null)
            {
                positional.Add(Parse());
            }
            else
            {
                throw tokens.Error("a positional argument may not follow a named one.");
            }
        });
        return new CallArguments(positional, named, extraPositional, extraNamed);
    }

    private Expression ParseFiltersAndTests(Expression target)
    {
        while (true)
        {
            var line = tokens.Current.Line;
            if (tokens.TryOperator("|"))
            {
                target = new Expression.Filter(target, ParseFilterCall(), line);
            }
            else if (tokens.TryName("is"))
            {
                target = ParseTest(target, line);
            }
            else if (tokens.Current.IsOperator("("))
            {
                target = new Expression.Call(target, ParseArguments(), line);
            }
            else
            {
                return target;
            }
        }
    }

    private FilterCall ParseFilterCall()
    {
        var name = tokens.ExpectIdentifier("a filter's name after '|'");
        return new FilterCall(name.Text, tokens.Current.IsOperator("(") ? ParseArguments() : CallArguments.None, name.Line);
    }

    private Expression ParseTest(Expression target, int line)
    {
        var isNegated = tokens.TryName("not");
        var name = tokens.ExpectIdentifier("a test's name after 'is'").Text;
        var test = new Expression.Test(target, name, ParseTestArguments(), line);
        return isNegated ? new Expression.Not(test, line) : test;
    }

    // A test may take its one argument without parentheses: x is divisibleby 3.
    private CallArguments ParseTestArguments()
    {
        if (tokens.Current.IsOperator("("))
        {
            return ParseArguments();
        }

        if (tokens.Current.IsName("is"))
        {
            throw tokens.Error("tests cannot be chained with 'is'.");
        }

        var startsArgument = tokens.Current.Kind switch
        {
            TokenKind.Name => tokens.Current.Text is not ("else" or "or" or "and" or "if" or "not" or "in"),
            TokenKind.String or TokenKind.Integer or TokenKind.Float => true,
            TokenKind.Operator => tokens.Current.Text is "[" or "{",
            _ => false,
        };
        return startsArgument ? new CallArguments([ParsePostfix(ParsePrimary())], []) : CallArguments.None;
    }
}
