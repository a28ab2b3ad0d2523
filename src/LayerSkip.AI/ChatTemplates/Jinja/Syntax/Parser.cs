using LayerSkip.AI.ChatTemplates.Jinja.Values;

namespace LayerSkip.AI.ChatTemplates.Jinja.Syntax;

/// <summary>Parses a template's statements.</summary>
internal sealed class Parser
{
    private readonly TokenStream _tokens;
    private readonly ExpressionParser _expressions;
    private int _loopDepth;

    private Parser(TokenStream tokens)
    {
        _tokens = tokens;
        _expressions = new ExpressionParser(tokens);
    }

    public static IReadOnlyList<Statement> Parse(string source, JinjaLimits limits)
    {
        if (source.Length > limits.SourceLength)
        {
            throw new ChatTemplateException($"the template has {source.Length} characters, more than the {limits.SourceLength} it may have.", line: 1);
        }

        var parser = new Parser(new TokenStream(Lexer.Tokenize(source), limits.SyntaxDepth));
        return parser.ParseBody(opener: null);
    }

    // Reads up to one of the end tags, whose name is then the current token; the template's end where there is no opener.
    private List<Statement> ParseBody(Token? opener, params ReadOnlySpan<string> endTags)
    {
        _tokens.Enter();
        var body = new List<Statement>();
        while (true)
        {
            var token = _tokens.Next();
            switch (token.Kind)
            {
                case TokenKind.Text:
                    body.Add(new Statement.Text(StringValue.Of(token.Text, PromptOrigin.Template), token.Line));
                    break;
                case TokenKind.OutputBegin:
                    body.Add(new Statement.Output(_expressions.ParseTuple(), token.Line));
                    _tokens.Expect(_tokens.Current.Kind == TokenKind.OutputEnd, "'}}' after the expression");
                    break;
                case TokenKind.BlockBegin when _tokens.Current.Kind == TokenKind.Name && endTags.Contains(_tokens.Current.Text):
                    _tokens.Leave();
                    return body;
                case TokenKind.BlockBegin:
                    body.Add(ParseTag());
                    break;
                default:
                    if (opener is { } open)
                    {
                        throw new ChatTemplateException($"'{open.Text}' has no end: expected '{string.Join("' or '", endTags.ToArray())}'.", open.Line);
                    }

                    _tokens.Leave();
                    return body;
            }
        }
    }

    private Statement ParseTag()
    {
        var tag = _tokens.ExpectIdentifier("a tag's name after '{%'");
        return tag.Text switch
        {
            "if" => ParseIf(tag),
            "for" => ParseFor(tag),
            "break" => ParseLoopControl(tag, new Statement.Break(tag.Line)),
            "continue" => ParseLoopControl(tag, new Statement.Continue(tag.Line)),
            "set" => ParseSet(tag),
            "macro" => ParseMacro(tag),
            "call" => ParseCall(tag),
            "filter" => ParseFilter(tag),
            "with" => ParseWith(tag),
            "generation" => ParseGeneration(tag),
            _ => throw new ChatTemplateException(
                $"unknown or misplaced tag {JinjaException.Quote(tag.Text)}: expected if, for, break, continue, set, macro, call, filter, with, generation or raw.", tag.Line),
        };
    }

    // Reads a body, its end tag and that tag's '%}'.
    private List<Statement> ParseWholeBody(Token tag)
    {
        var body = ParseBody(tag, "end" + tag.Text);
        _tokens.ExpectBlockEnd(_tokens.Next().Text);
        return body;
    }

    private Statement.If ParseIf(Token tag)
    {
        var branches = new List<(Expression, IReadOnlyList<Statement>)>();
        var branch = tag;
        do
        {
            var condition = _expressions.ParseTuple();
            _tokens.ExpectBlockEnd(branch.Text);
            branches.Add((condition, ParseBody(branch, "elif", "else", "endif")));
            branch = _tokens.Next();
        }
        while (branch.Text == "elif");

        _tokens.ExpectBlockEnd(branch.Text);
        return new Statement.If(branches, branch.Text == "else" ? ParseElse(branch, "endif") : [], tag.Line);
    }

    private List<Statement> ParseElse(Token tag, string endTag)
    {
        var body = ParseBody(tag, endTag);
        _tokens.Next();
        _tokens.ExpectBlockEnd(endTag);
        return body;
    }

    private Statement.For ParseFor(Token tag)
    {
        var target = ParseTarget();
        _tokens.ExpectName("in", "after the loop's variables");
        var iterable = _expressions.ParseTuple(withConditional: false);
        var condition = _tokens.TryName("if") ? _expressions.Parse() : null;
        if (_tokens.Current.IsName("recursive"))
        {
            throw _tokens.Error("recursive loops are not supported.");
        }

        _tokens.ExpectBlockEnd("for");
        _loopDepth++;
        var body = ParseBody(tag, "else", "endfor");
        _loopDepth--;
        var end = _tokens.Next();
        _tokens.ExpectBlockEnd(end.Text);
        return new Statement.For(target, iterable, condition, body, end.Text == "else" ? ParseElse(end, "endfor") : [], tag.Line);
    }

    private Statement ParseLoopControl(Token tag, Statement statement)
    {
        if (_loopDepth == 0)
        {
            throw new ChatTemplateException($"'{tag.Text}' stands outside of a loop.", tag.Line);
        }

        _tokens.ExpectBlockEnd(tag.Text);
        return statement;
    }

    private Statement ParseSet(Token tag)
    {
        var target = ParseTarget();
        if (_tokens.TryOperator("="))
        {
            var value = _expressions.ParseTuple();
            _tokens.ExpectBlockEnd("set");
            return new Statement.Set(target, value, tag.Line);
        }

        var filters = _tokens.TryOperator("|") ? _expressions.ParseFilters() : [];
        _tokens.Expect(_tokens.Current.Kind == TokenKind.BlockEnd, "'=' or '%}' after the variable to set");
        return new Statement.SetBlock(target, filters, ParseWholeBody(tag), tag.Line);
    }

    private Statement.Macro ParseMacro(Token tag)
    {
        var name = _tokens.ExpectIdentifier("the macro's name").Text;
        var parameters = ParseParameters();
        _tokens.ExpectBlockEnd("macro");
        return new Statement.Macro(name, parameters, ParseOutsideOfLoops(tag), tag.Line);
    }

    private Statement.CallBlock ParseCall(Token tag)
    {
        var parameters = _tokens.Current.IsOperator("(") ? ParseParameters() : [];
        if (_expressions.Parse() is not Expression.Call call)
        {
            throw new ChatTemplateException("expected a macro's call after 'call'.", tag.Line);
        }

        _tokens.ExpectBlockEnd("call");
        return new Statement.CallBlock(new Statement.Macro("caller", parameters, ParseOutsideOfLoops(tag), tag.Line), call, tag.Line);
    }

    // A macro's body runs where it is called, so that a loop around its definition is not its loop.
    private List<Statement> ParseOutsideOfLoops(Token tag)
    {
        var enclosingLoops = _loopDepth;
        _loopDepth = 0;
        var body = ParseWholeBody(tag);
        _loopDepth = enclosingLoops;
        return body;
    }

    private List<(string Name, Expression? Default)> ParseParameters()
    {
        var parameters = new List<(string Name, Expression? Default)>();
        _tokens.ExpectOperator("(", "before parameters");
        _tokens.ReadUntil(")", "a parameter", () =>
        {
            var name = _tokens.ExpectIdentifier("a parameter's name").Text;
            parameters.Add((name, _tokens.TryOperator("=") ? _expressions.Parse() : null));
        });
        return parameters;
    }

    private Statement.FilterBlock ParseFilter(Token tag)
    {
        var filters = _expressions.ParseFilters();
        _tokens.ExpectBlockEnd("filter");
        return new Statement.FilterBlock(filters, ParseWholeBody(tag), tag.Line);
    }

    private Statement.Scoped ParseWith(Token tag)
    {
        var variables = new List<(AssignmentTarget, Expression)>();
        while (_tokens.Current.Kind != TokenKind.BlockEnd)
        {
            if (variables.Count > 0)
            {
                _tokens.ExpectOperator(",", "or '%}' after a variable");
            }

            var target = ParseSingleTarget();
            _tokens.ExpectOperator("=", "after the variable");
            variables.Add((target, _expressions.Parse()));
        }

        _tokens.ExpectBlockEnd("with");
        return new Statement.Scoped(variables, ParseWholeBody(tag), tag.Line);
    }

    private Statement.Scoped ParseGeneration(Token tag)
    {
        _tokens.ExpectBlockEnd("generation");
        return new Statement.Scoped([], ParseWholeBody(tag), tag.Line);
    }

    private AssignmentTarget ParseTarget()
    {
        var first = ParseSingleTarget();
        if (!_tokens.Current.IsOperator(","))
        {
            return first;
        }

        var targets = new List<AssignmentTarget> { first };
        while (_tokens.TryOperator(",") && (_tokens.Current.IsOperator("(") || (_tokens.Current.Kind == TokenKind.Name && !_tokens.Current.IsName("in"))))
        {
            targets.Add(ParseSingleTarget());
        }

        return new AssignmentTarget.Unpacked(targets);
    }

    private AssignmentTarget ParseSingleTarget()
    {
        if (_tokens.TryOperator("("))
        {
            _tokens.Enter();
            var inner = ParseTarget();
            _tokens.Leave();
            _tokens.ExpectOperator(")", "to close the '('");
            return inner;
        }

        var name = _tokens.ExpectIdentifier("a variable's name");
        if (name.Text is "true" or "false" or "none" or "True" or "False" or "None")
        {
            throw new ChatTemplateException($"'{name.Text}' is a constant and cannot be assigned.", name.Line);
        }

        return _tokens.TryOperator(".")
            ? new AssignmentTarget.NamespaceMember(name.Text, _tokens.ExpectIdentifier("an attribute's name after '.'").Text)
            : new AssignmentTarget.Name(name.Text);
    }
}
