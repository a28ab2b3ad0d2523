using System.Diagnostics;
using System.Globalization;
using LayerSkip.AI.ChatTemplates;

namespace LayerSkip.AI.Tests.ChatTemplates;

/// <summary>A template is a stranger's program: each way to use up the machine ends in an exception that names the limit and the line.</summary>
public class SandboxTests
{
    public static TheoryData<string, string> Bombs => new()
    {
        // Text and list sizes.
        { "{{ 'a' * 10**9 }}", "characters" },
        { "{{ 'ab' * 10**30 }}", "characters" },
        { "{{ '' * 10**30 }}{% set x = 'a' * 9000000 %}{{ x + x }}", "characters" },
        { "{% set x = 'a' * 4000000 %}{% for i in range(10) %}{{ x }}{% endfor %}", "characters" },
        { "{{ 'aaaa'|replace('a', 'b' * 9000000) }}", "characters" },
        { "{{ ['a', 'b', 'c'] | join('x' * 9000000) }}", "characters" },
        { "{{ 'a' | indent(10**9, true) }}", "characters" },
        { "{{ '%999999999d' % 1 }}", "characters" },
        { "{{ '{:>999999999}'.format(1) }}", "characters" },
        { "{{ '%9999999999d' % 1 }}", "too large" },
        { "{{ '%.9999f' % 1 }}", "precision" },
        { "{{ [1] | tojson(indent=10**9) }}", "characters" },
        { "{{ [[[[1]]]] | tojson(indent=10**7) }}", "characters" },
        { "{{ range(10**12) }}", "items" },
        { "{{ [0] * 10**12 }}", "items" },
        { "{{ [0, 1] * 10**30 }}", "items" },
        { "{{ ('a' * 9000000) | list | length }}", "items" },
        { "{{ ('a ' * 4000000).split() | length }}", "items" },
        { "{{ 10 ** (10 ** 10) }}", "bits" },
        { "{{ (10 ** 1000) * (10 ** 1000) }}", "bits" },
        { "{{ (-2) ** (10 ** 9) }}", "bits" },
        { "{{ (-2) ** (10 ** 12) }}", "bits" },

        // Steps.
        { "{% for i in range(10**6) %}{% for j in range(10**6) %}{% endfor %}{% endfor %}", "steps" },
        { "{% set ns = namespace(s='a' * 100000) %}{% for i in range(10**6) %}{% set t = ns.s + 'b' %}{% endfor %}", "steps" },
        { "{% set n = 'a' * 2000000 + 'b' + 'a' * 2000000 %}{{ n in 'a' * 16000000 }}", "steps" },
        { "{% set n = 'a' * 1000 + 'b' + 'a' * 1000 %}{% set h = 'a' * 1000000 %}{% for i in range(1000) %}{{ h.count(n) }}{% endfor %}", "steps" },
        { "{% set ns = namespace(a=[1], b=[1]) %}{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}{% set ns.b = [ns.b, ns.b] %}{% endfor %}{{ ns.a == ns.b }}", "steps" },
        { "{% set ns = namespace(a=['x']) %}{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}{{ ns.a }}", "" },
        { "{% set ns = namespace(a=['x']) %}{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}{{ ns.a | tojson }}", "" },
        { "{% set x = 'a' * 16000000 %}{% set y = 'a' * 16000000 %}{% for i in range(1000) %}{{ x == y }}{% endfor %}", "steps" },
        { "{% set x = 'a' * 8000000 %}{% set l = [x + 'b', x + 'c'] %}{% for i in range(1000) %}{% set m = l | sort %}{% endfor %}", "steps" },
        { "{% set x = 'a' * 8000000 %}{% for i in range(10**6) %}{{ {'k': 1}[x] }}{% endfor %}", "steps" },
        { "{% set x = ' ' * 8000000 %}{% for i in range(10**6) %}{{ x | trim }}{% endfor %}", "steps" },
        { "{% set x = 'a' * 8000000 %}{% for i in range(10**6) %}{{ x | wordcount }}{{ x.isalpha() }}{{ x.lower() | length }}{% endfor %}", "steps" },
        { "{% set l = range(10**6) %}{% for i in l %}{% set m = l[1:] %}{% endfor %}", "steps" },
        { "{% set l = range(10**5) %}{% for i in l %}{{ l | join | length }}{% endfor %}", "steps" },

        // Steps that look cheap: long names and keys, wide macros, dicts, formats and nests of scopes.
        { "{% set x = 'a' * 16000000 %}{% for i in range(10**6) %}{{ [][x] }}{% endfor %}", "steps" },
        { "{% set x = 'a' * 16000000 %}{% for i in range(10**6) %}{{ 1 | attr(x) }}{{ loop[x] }}{% endfor %}", "steps" },
        { "{% for i in range(10**6) %}{{ " + new string('a', 400_000) + " }}{% endfor %}", "steps" },
        { "{% for i in range(10**6) %}{% set y = {}." + new string('a', 400_000) + " %}{% endfor %}", "steps" },
        { "{% macro m(" + Names(100_000, i => $"a{i}") + ") %}{% endmacro %}{% for i in range(10**6) %}{{ m() }}{% endfor %}", "steps" },
        { "{% macro m(" + Names(30_000, i => $"a{i}") + ") %}{% endmacro %}{% for i in range(100) %}{{ m(" + Names(30_000, i => $"a{29_999 - i}=1") + ") }}{% endfor %}", "steps" },
        { "{% set d = {" + Names(60_000, i => $"{i}:1") + "} %}{% for i in range(10**6) %}{% set e = dict(d) %}{% endfor %}", "steps" },
        { "{% set d = {" + Names(60_000, i => $"'{i}':1") + "} %}{% for i in range(10**6) %}{% set e = namespace(d) %}{% endfor %}", "steps" },
        { "{% set x = 'a' * 16000000 %}{% set y = 'a' * 16000000 %}{% for i in range(10**6) %}{% set z = x.removeprefix(y + 'b') or x.removeprefix(y) %}{% endfor %}", "steps" },
        { "{% set x = 'a' * 8000000 + 'c' %}{% set y = 'b' + 'a' * 7999999 + 'c' %}{% for i in range(10**6) %}{% set z = x.removesuffix(y) %}{% endfor %}", "steps" },
        { "{% set n = 2 ** 4095 %}{% for i in range(10**6) %}{% set z = n | string %}{% endfor %}", "steps" },
        { string.Concat(Enumerable.Repeat("{% with z = 1 %}", 190)) + "{% for i in range(10**6) %}{% set y = range %}{% set y = range %}{% endfor %}" + string.Concat(Enumerable.Repeat("{% endwith %}", 190)), "steps" },

        // Names as long as the template may be: of macros, parameters, variables, members and keys.
        { $"{{% macro {LongName}() %}}{{% endmacro %}}{{% set f = {LongName} %}}{{% for i in range(10**6) %}}{{% set y = f() %}}{{% endfor %}}", "steps" },
        { $"{{% macro m({LongName}) %}}{{% endmacro %}}{{% for i in range(10**6) %}}{{% set y = m() %}}{{% endfor %}}", "steps" },
        { $"{{% for i in range(10**6) %}}{{% macro {LongName}() %}}{{% endmacro %}}{{% endfor %}}", "steps" },
        { $"{{% for i in range(10**6) %}}{{% set {LongName} = i %}}{{% endfor %}}", "steps" },
        { $"{{% for {LongName} in range(10**6) %}}{{% endfor %}}", "steps" },
        { $"{{% for i in range(10**6) %}}{{% with {LongName} = i %}}{{% endwith %}}{{% endfor %}}", "steps" },
        { $"{{% set n = namespace() %}}{{% for i in range(10**6) %}}{{% set n.{LongName} = i %}}{{% endfor %}}", "steps" },
        { $"{{% for i in range(10**6) %}}{{% set d = dict({LongName}=1) %}}{{% set n = namespace({LongName}=1) %}}{{% endfor %}}", "steps" },
        { string.Concat(Enumerable.Repeat("{% with z = 1 %}", 190)) + $"{{% for i in range(10**6) %}}{{% set y = {LongName} %}}{{% endfor %}}" + string.Concat(Enumerable.Repeat("{% endwith %}", 190)), "steps" },
        { "{% set x = 'a' * 16000000 %}{% for i in range(10**6) %}{% set d = {x: 1} %}{% endfor %}", "steps" },
        { "{% set x = 'a' * 16000000 %}{% set p = [(x, 1)] %}{% for i in range(10**6) %}{% set d = dict(p) %}{% set n = namespace(p) %}{% endfor %}", "steps" },
        { "{% set x = 'a' * 16000000 %}{% set p = {x: 1} %}{% for i in range(10**6) %}{% set d = dict(**p) %}{% set n = namespace(**p) %}{% endfor %}", "steps" },
        { "{% set x = 'a' * 16000000 %}{% set p = {x: 1} %}{% for i in range(10**6) %}{% set y = '{}'.format(1, **p) ~ '' | format(**p) %}{% endfor %}", "steps" },
        { "{% set x = 'a' * 16000000 %}{% set y = ([x] * 100000) | unique(true) | list %}", "steps" },
        { "{% set x = 'a' * 16000000 %}{% for i in range(10**6) %}{% set y = ''.strip(x) %}{% endfor %}", "steps" },
        { "{% for i in range(10**6) %}{% set y = 1 | tojson(indent=16000000) %}{% endfor %}", "steps" },

        // Numbers: of a thousand digits, read, written and looked for.
        { "{% set l = ['9' * 1000] * 10**6 %}{% for i in range(10**6) %}{% set y = l | map('int') %}{% endfor %}", "steps" },
        { "{% set l = [1.7e308] * 10**6 %}{% for i in range(10**6) %}{% set y = l | map('round', 100) %}{% endfor %}", "steps" },
        { "{% set l = [2 ** 4095 - 1] * 10**6 %}{% set n = 2 ** 2000 - 1 %}{% for i in range(10**6) %}{% set y = l | select('divisibleby', n) | list %}{% endfor %}", "steps" },
        { "{% set n = 2 ** 4095 %}{% for i in range(10**6) %}{% set y = [][n] %}{% set y = 1[n] %}{% set d = {n: 1} %}{% endfor %}", "steps" },

        // Nesting.
        { "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "nested" },
        { "{% macro a(x) %}{{ b(x) }}{% endmacro %}{% macro b(x) %}{% if true %}{{ a(x) }}{% endif %}{% endmacro %}{{ a(1) }}", "nested" },
        { "{% macro m() %}{{ caller() }}{{ m() }}{% endmacro %}{% call m() %}{{ m() }}{% endcall %}", "" },
        { "{% set ns = namespace(x=[]) %}{% for i in range(100000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}", "nested" },
        { "{% set ns = namespace(x={}) %}{% for i in range(100000) %}{% set ns.x = {'a': ns.x} %}{% endfor %}{{ ns.x | tojson }}", "nested" },
    };

    private static string LongName { get; } = new('a', 400_000);

    private static string Names(int count, Func<int, string> name) => string.Join(',', Enumerable.Range(0, count).Select(name));

    [Theory]
    [MemberData(nameof(Bombs))]
    public void Rendering_stops_at_a_limit(string template, string named)
    {
        var watch = Stopwatch.StartNew();

        var exception = Assert.Throws<ChatTemplateException>(() => Rendering.Render("\n\n" + template));

        Assert.Contains(named, exception.Message, StringComparison.Ordinal);
        Assert.Equal(3, exception.Line);
        Assert.True(watch.Elapsed < TimeSpan.FromMinutes(2), $"took {watch.Elapsed}");
    }

    /// <summary>Keys of one hash (of the nearest double, of .NET's for doubles), a key that equals nothing, and many arguments.</summary>
    public static TheoryData<string> Crowds => new()
    {
        "{% set b = 2 ** 4000 %}{% set d = {" + Names(60_000, i => $"b+{i}:1") + "} %}{{ d | length }}",
        "{% set b = 2 ** 62 %}{% set l = [" + Names(60_000, i => $"b+{i}") + "] %}{{ l | unique | list | length }}",
        "{% set l = [" + Names(36_000, i => BitConverter.Int64BitsToDouble(((0x40000000L + i) << 32) | (0x12345678L ^ i)).ToString("R", CultureInfo.InvariantCulture)) + "] %}{{ (l + l) | unique | list | length }}",
        "{% set l = ['nan'] * 200000 %}{{ l | map('float') | unique | list | length }}",
        "{{ ('{a39999}' * 100000).format(" + Names(40_000, i => $"a{i}=1") + ") | length }}",
        "{{ ('xa' * 100000).split('a') | map('upper', *range(100000)) | list | length }}",
    };

    [Theory]
    [MemberData(nameof(Crowds))]
    public void Many_keys_or_arguments_take_no_time_of_their_square(string template)
    {
        var watch = Stopwatch.StartNew();

        var count = int.Parse(Rendering.Render(template).Text, CultureInfo.InvariantCulture);

        Assert.InRange(count, 36_000, 200_000);
        Assert.True(watch.Elapsed < TimeSpan.FromMinutes(2), $"took {watch.Elapsed}");
    }

    public static TheoryData<string> Towers => new()
    {
        Repeat("{{ ", "(", 100_000, "1" + new string(')', 100_000) + "}}"),
        Repeat("{{ ", "[", 100_000, "1" + new string(']', 100_000) + "}}"),
        Repeat("{{ ", "{'a':", 100_000, "1" + new string('}', 100_000) + " }}"),
        Repeat("{{ ", "-", 100_000, "1 }}"),
        Repeat("{{ ", "not ", 100_000, "1 }}"),
        Repeat("{{ ", "a[", 100_000, "1" + new string(']', 100_000) + "}}"),
        Repeat("{{ ", "f(", 100_000, "1" + new string(')', 100_000) + "}}"),
        Repeat("{{ ", "1 if 1 else ", 50_000, "1 }}"),
        Repeat("", "{% if 1 %}", 50_000, ""),
        Repeat("", "{% for x in y %}", 50_000, ""),
        Repeat("", "{% macro m() %}", 50_000, ""),
        Repeat("", "{% filter upper %}", 50_000, ""),
        Repeat("", "{% set x %}", 50_000, ""),
        Repeat("{% for ", "(", 50_000, "x" + new string(')', 50_000) + " in y %}"),

        // These parse flat and would only overflow while evaluated.
        Repeat("{{ 1", " + 1", 100_000, " }}"),
        Repeat("{{ 1", " ~ 1", 100_000, " }}"),
        Repeat("{{ 1", " and 1", 100_000, " }}"),
        Repeat("{{ 1", " ** 1", 100_000, " }}"),
        Repeat("{{ 'a'", "|upper", 100_000, " }}"),
        Repeat("{{ 'a'", ".upper()", 100_000, " }}"),
        Repeat("{{ 'a'", "[0]", 100_000, " }}"),
        Repeat("{{ 'a'", " if 1", 100_000, " }}"),
    };

    [Theory]
    [MemberData(nameof(Towers))]
    public void Deep_syntax_is_refused_without_overflowing_the_stack(string template)
    {
        Exception? thrown = null;
        var thread = new Thread(() => thrown = Record.Exception(() => Rendering.Render(template)), maxStackSize: 512 * 1024);
        thread.Start();
        thread.Join();

        Assert.Contains("nested too deeply", Assert.IsType<ChatTemplateException>(thrown).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Deepest_allowed_macros_fit_a_small_stack()
    {
        const string Template = "{% macro m(x) %}{% for i in [x] %}{% if true %}{{ ((m(x + 1) | trim) ~ '') if true else '' }}{% endif %}{% endfor %}{% endmacro %}{{ m(1) }}";
        Exception? thrown = null;
        var thread = new Thread(() => thrown = Record.Exception(() => Rendering.Render(Template)), maxStackSize: 256 * 1024);
        thread.Start();
        thread.Join();

        Assert.IsType<ChatTemplateException>(thrown);
    }

    [Fact]
    public void Strings_side_by_side_are_joined_once()
    {
        Assert.Equal(new string('a', 200_000), Rendering.Render("{{ " + string.Concat(Enumerable.Repeat("'a' ", 200_000)) + "}}").Text);
    }

    public static TheoryData<string> LongNames =>
    [
        "{% set x = 'a' * 4000000 %}{{ [][x] + 1 }}",
        "{% set x = 'a' * 4000000 %}{{ [1] | map(x) }}",
        "{% set x = 'a' * 4000000 %}{{ [1] | select(x) }}",
        "{% set x = 'a' * 4000000 %}{{ [1] | join(**{x: 1}) }}",
        "{% set x = 'a' * 4000000 %}{% macro m() %}{% endmacro %}{{ m(**{x: 1}) }}",
        "{{ ('{:' + 'a' * 4000000 + '}').format(1) }}",
        "{{ ('{' + 'a' * 4000000 + '}').format(1) }}",
        "{{ ('%(' + 'a' * 4000000 + ')s') % {} }}",
        "{{ [][2 ** 4095] + 1 }}",
        "{{ 1[2 ** 4095] + 1 }}",
        $"{{{{ {LongName} + 1 }}}}",
        $"{{{{ 1 | {LongName} }}}}",
        $"{{{{ 1 is {LongName} }}}}",
        $"{{{{ 1 {LongName} }}}}",
        $"{{{{ 0x{new string('a', 900)} + 0b{new string('9', 900)} }}}}",
        $"{{% {LongName} %}}",
        $"{{% set {LongName}.{LongName} = 1 %}}",
        $"{{% macro {LongName}() %}}{{% endmacro %}}{{{{ {LongName}(1) }}}}",
        $"{{% macro {LongName}() %}}{{{{ caller() }}}}{{% endmacro %}}{{{{ {LongName}() }}}}",
        $"{{% macro m({LongName}) %}}{{{{ {LongName} + 1 }}}}{{% endmacro %}}{{{{ m() }}}}",
        $"{{% macro m({LongName}) %}}{{% endmacro %}}{{{{ m(1, {LongName}=1) }}}}",
    ];

    [Theory]
    [MemberData(nameof(LongNames))]
    public void Names_in_errors_are_short(string template) =>
        Assert.InRange(Assert.Throws<ChatTemplateException>(() => Rendering.Render(template)).Message.Length, 50, 320);

    [Theory]
    [InlineData(78)]
    [InlineData(79)]
    [InlineData(80)]
    public void Names_in_errors_are_not_cut_within_a_character(int before)
    {
        var name = new string('a', before) + string.Concat(Enumerable.Repeat("\U0001F642", 10));

        var exception = Assert.Throws<ChatTemplateException>(() => Rendering.Render("{{ messages['" + name + "'] + 1 }}"));

        Assert.Contains(new string('a', before), exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("\uFFFD", string.Concat(exception.Message.EnumerateRunes()), StringComparison.Ordinal);
    }

    [Fact]
    public void Long_template_is_refused()
    {
        var exception = Assert.Throws<ChatTemplateException>(() => ChatTemplate.Parse(new string('a', (1 << 20) + 1)));

        Assert.Contains("1048576", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Number_with_too_many_digits_is_refused() =>
        Assert.Contains("digits", Assert.Throws<ChatTemplateException>(() => ChatTemplate.Parse("{{ " + new string('9', 500_000) + " }}")).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("{{ [1].append(2) }}")]
    [InlineData("{{ {}.update({'a': 1}) }}")]
    [InlineData("{{ messages.clear() }}")]
    [InlineData("{{ {'a': 1}.pop('a') }}")]
    public void Nothing_may_be_changed(string template) =>
        Assert.Contains("sandbox forbids", Assert.Throws<ChatTemplateException>(() => Rendering.Render(template)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("{{ ''.__class__ }}")]
    [InlineData("{{ messages.__init__ }}")]
    [InlineData("{{ range.__globals__ }}")]
    [InlineData("{{ messages.GetType }}{{ ''.Length }}")]
    public void There_is_nothing_beneath_the_values(string template) => Assert.Equal(string.Empty, Rendering.Render(template).Text);

    [Fact]
    public void Long_conversation_is_far_from_the_limits()
    {
        var content = string.Concat(Enumerable.Repeat("word <|im_end|> word\n", 100));
        var template = ChatTemplate.Parse(
            "{% for m in messages %}{% if (m.role == 'user') %}{{ '<|im_start|>' + m.role + '\\n' + m.content | trim + '<|im_end|>\\n' }}{% elif m.role == 'assistant' %}{{ '<|im_start|>' + m.role + '\\n' + m.content.split('</think>')[-1].lstrip('\\n') + '<|im_end|>\\n' }}{% endif %}{% endfor %}");

        var prompt = template.Render(new ChatTemplateContext
        {
            Messages = [.. Enumerable.Range(0, 4000).Select(i => new TemplateMessage { Role = i % 2 == 0 ? "user" : "assistant", Content = content })],
        });

        Assert.True(prompt.Text.Length > 8_000_000);
    }

    private static string Repeat(string before, string part, int count, string after) =>
        before + string.Concat(Enumerable.Repeat(part, count)) + after;
}
