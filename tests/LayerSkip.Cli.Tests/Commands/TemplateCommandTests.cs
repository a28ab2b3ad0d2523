using LayerSkip.Tests;

namespace LayerSkip.Cli.Tests.Commands;

public sealed class TemplateCommandTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory();

    [Fact]
    public void Published_templates_render_byte_for_byte()
    {
        foreach (var item in SharedData.RequireJson("chat-templates/rendered.json").EnumerateArray())
        {
            var template = Write("template.jinja", item.GetProperty("template").GetString()!);
            var context = Write("context.json", item.GetProperty("context").GetRawText());

            var result = Tool.Run("template", "--template", template, "--context", context);

            Assert.Equal(new ToolResult(CommandLine.Success, item.GetProperty("rendered").GetString()!, ""), result);
        }
    }

    [Fact]
    public void Checkpoints_template_is_taken_and_the_context_may_come_from_the_standard_input()
    {
        const string Context = """{"messages": [{"role": "user", "content": "Turn off alarms"}], "add_generation_prompt": true}""";

        Assert.Equal("<|begin|><|user|> Turn off alarms<|assistant|>", Tool.RunWithInput(Context, "template", "--model", Tool.Parser, "--context", "-").Output);
    }

    [Fact]
    public void Tools_and_variables_reach_the_template()
    {
        var template = Write("template.jinja", "{{ tools[0].function.name }} {{ flag }} {{ number + 1 }} {{ add_generation_prompt }} é 🦀");
        var context = Write("context.json", """{"tools": [{"function": {"name": "f"}}], "flag": true, "number": 2}""");

        Assert.Equal("f True 3 False é 🦀", Tool.Run("template", "--template", template, "--context", context).Output);
    }

    [Theory]
    [InlineData("{", "line 1: is not valid JSON: byte 2: ")]
    [InlineData("{\n\"a\": }", "line 2: is not valid JSON: byte 6: ")]
    [InlineData("[]", "context.json: A context must be a JSON object, not Array.")]
    [InlineData("""{"messages": {}}""", "\"messages\" must be a list, not Object")]
    [InlineData("""{"messages": [{"content": "x"}]}""", "string \"role\"")]
    [InlineData("""{"add_generation_prompt": 1}""", "\"add_generation_prompt\" must be true or false, not Number")]
    [InlineData("""{"tools": "x"}""", "\"tools\" must be a list, not String")]
    public void Wrong_context_is_named(string context, string expected)
    {
        var path = Write("context.json", context);
        var error = Tool.RunBad("template", "--model", Tool.Parser, "--context", path);

        Assert.Contains($"--context {path}", error, StringComparison.Ordinal);
        Assert.Contains(expected, error, StringComparison.Ordinal);
    }

    [Fact]
    public void Wrong_templates_and_options_are_named()
    {
        var context = Write("context.json", "{}");

        Assert.Contains("either --model or --template", Tool.RunBad("template", "--context", context), StringComparison.Ordinal);
        Assert.Contains("either --model or --template", Tool.RunBad("template", "--model", "a", "--template", "b", "--context", context), StringComparison.Ordinal);
        Assert.Contains("--context", Tool.RunBad("template", "--model", Tool.Parser), StringComparison.Ordinal);
        Assert.Contains("holds no chat template", Tool.RunBad("template", "--model", _folder.FullName, "--context", context), StringComparison.Ordinal);
        Assert.Contains("does not exist, expected a file", Tool.RunBad("template", "--template", Path.Combine(_folder.FullName, "none"), "--context", context), StringComparison.Ordinal);
        Assert.Contains("line 2", Tool.RunBad("template", "--template", Write("t.jinja", "a\n{% if %}"), "--context", context), StringComparison.Ordinal);
        Assert.Contains(
            "no such role", Tool.RunBad("template", "--template", Write("t.jinja", "{{ raise_exception('no such role') }}"), "--context", context), StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private string Write(string name, string text)
    {
        var path = Path.Combine(_folder.FullName, name);
        File.WriteAllText(path, text);
        return path;
    }
}
