using LayerSkip.AI.ChatTemplates;

namespace LayerSkip.AI.Tests.ChatTemplates;

/// <summary>An error names its line, the construct, and what was expected.</summary>
public class ErrorTests
{
    [Theory]
    [InlineData("a\nb {{ 1 + }}", 2, "expected an expression", "'}}'")]
    [InlineData("{{ 'abc }}", 1, "string", "closing '")]
    [InlineData("\n{{ 1", 2, "'}}'", "no end")]
    [InlineData("\n\n{# c", 3, "comment", "'#}'")]
    [InlineData("{% if x %}\n{% if y %}\n{% endif %}", 1, "'if'", "'endif'")]
    [InlineData("{% for x in y %}\n\n", 1, "'for'", "'endfor'")]
    [InlineData("x\n{% for x of y %}{% endfor %}", 2, "expected 'in'", "'of'")]
    [InlineData("{% raw %}\nx", 1, "'raw'", "'endraw'")]
    [InlineData("\n{% include 'a' %}", 2, "'include'", "expected if, for")]
    [InlineData("{% endif %}", 1, "'endif'", "misplaced")]
    [InlineData("{% break %}", 1, "'break'", "loop")]
    [InlineData("{{ [1 }}", 1, "'}'", "expected ']'")]
    [InlineData("{{ $x }}", 1, "'$'", "unexpected character")]
    [InlineData("{{ \U0001F642 }}", 1, "'\U0001F642'", "unexpected character")]
    [InlineData("{% set x %}", 1, "'set'", "'endset'")]
    [InlineData("{% for x in y recursive %}{% endfor %}", 1, "recursive", "not supported")]
    public void Syntax_error_says_where_and_what(string template, int line, string construct, string expected)
    {
        var exception = Assert.Throws<ChatTemplateException>(() => ChatTemplate.Parse(template));

        Assert.Equal(line, exception.Line);
        Assert.StartsWith($"Chat template, line {line}: ", exception.Message, StringComparison.Ordinal);
        Assert.Contains(construct, exception.Message, StringComparison.Ordinal);
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\n{{ x.y }}", 2, "'x' is undefined")]
    [InlineData("{{ messages[0].role }}", 1, "0 items")]
    [InlineData("{% if true %}\n\n{{ {'a': 1}.b.c }}{% endif %}", 3, "no attribute or key 'b'")]
    [InlineData("{{ 'a' +\n 1 }}", 1, "'+' does not work between 'str' and 'int'")]
    [InlineData("{{ 1 | nosuch }}", 1, "no filter 'nosuch'")]
    [InlineData("{{ 1 is nosuch }}", 1, "no test 'nosuch'")]
    [InlineData("{% macro m() %}\n{{ 1 / 0 }}{% endmacro %}\n\n{{ m() }}", 2, "division by zero")]
    [InlineData("{% macro m(a) %}{% endmacro %}\n{{ m(1, 2) }}", 2, "'m' takes at most 1 argument")]
    [InlineData("{% macro m(a) %}{% endmacro %}\n{{ m(b=2) }}", 2, "no argument 'b'")]
    [InlineData("{% macro m() %}\n\n{% endmacro %}\n{{ m() + missing }}", 4, "'missing' is undefined")]
    [InlineData("{% for a, b in [1] %}{% endfor %}", 1, "'int' cannot be iterated")]
    [InlineData("{% for a, b in [[1, 2, 3]] %}{% endfor %}", 1, "cannot unpack 3 values into 2")]
    [InlineData("{% macro m(a) %}\n{{ a + 1 }}{% endmacro %}{{ m() }}", 2, "the macro 'm' was not given 'a'")]
    [InlineData("{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}", 1, "no 'call' block called the macro 'm'")]
    [InlineData("{% set x.y = 1 %}", 1, "cannot set 'x.y': 'x' is not a namespace")]
    [InlineData("{{ [1][5] + 1 }}", 1, "the list has 1 items, and none at 5")]
    [InlineData("{{ {'a': 1}[5] + 1 }}", 1, "no attribute or key '5'")]
    [InlineData("{{ '{a}'.format(b=1) }}", 1, "no value for '{a}'")]
    [InlineData("{{ '{:q}'.format(1) }}", 1, "specification 'q' is not supported")]
    [InlineData("{{ '{:=5}'.format('') }}", 1, "specification '=5' needs a number, not 'str'")]
    [InlineData("{{ missing | tojson }}", 1, "'tojson' cannot write")]
    [InlineData("{{ strftime_now('%Q') }}", 1, "'%Q'")]
    public void Rendering_error_says_where_and_what(string template, int line, string message)
    {
        var exception = Assert.Throws<ChatTemplateException>(() => Rendering.Render(template));

        Assert.Equal(line, exception.Line);
        Assert.Contains(message, exception.Message, StringComparison.Ordinal);
        Assert.Null(exception.Refusal);
    }

    [Fact]
    public void Refusal_carries_the_templates_own_words()
    {
        var exception = Assert.Throws<ChatTemplateException>(() => Rendering.Render("\n{{ raise_exception('Roles must alternate!') }}"));

        Assert.Equal("Roles must alternate!", exception.Refusal);
        Assert.Equal(2, exception.Line);
        Assert.Contains("Roles must alternate!", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Refusal_of_any_length_is_cut()
    {
        var exception = Assert.Throws<ChatTemplateException>(() => Rendering.Render("{{ raise_exception('no! ' * 1000000) }}"));

        Assert.Equal(string.Concat(Enumerable.Repeat("no! ", 250)) + "...", exception.Refusal);
        Assert.InRange(exception.Message.Length, 1000, 1100);
    }

    [Fact]
    public void Unknown_filter_in_a_branch_not_taken_is_no_error() =>
        Assert.Equal("ok", Rendering.Render("{% if false %}{{ x | nosuch }}{% endif %}ok").Text);
}
