using LayerSkip.Cli.Prompts;

namespace LayerSkip.Cli.Tests.Prompts;

public class PromptFileTests
{
    [Fact]
    public void Prompts_are_read_line_by_line()
    {
        Assert.Equal(["a", "b\nc"], Read("{\"prompt\": \"a\", \"id\": 1}\r\n\n{\"prompt\": \"b\\nc\"}\n"));
    }

    [Theory]
    [InlineData('\u2028')]
    [InlineData('\u2029')]
    [InlineData('\u0085')]
    public void Lines_end_at_line_feeds_alone(char separator) =>
        Assert.Equal([$"a{separator}b", "c"], Read($"{{\"prompt\": \"a{separator}b\"}}\r\n{{\"prompt\": \"c\"}}"));

    [Theory]
    [InlineData("", "holds no prompt")]
    [InlineData("{\"prompt\": \"a\"}\n{", "line 2")]
    [InlineData("[]", "line 1")]
    [InlineData("{\"text\": \"a\"}", "line 1")]
    [InlineData("{\"prompt\": 5}", "line 1")]
    [InlineData("{\"prompt\": \"\"}", "line 1")]
    [InlineData("{\"prompt\": \"\\ud800\"}", "line 1")]
    public void Bad_file_names_the_line(string content, string names)
    {
        var error = Assert.Throws<UsageException>(() => Read(content));

        Assert.Contains("--prompts", error.Message, StringComparison.Ordinal);
        Assert.Contains(names, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_line_is_named_once() => Assert.EndsWith(
        "line 2: is not valid JSON: byte 12: 'x' is an invalid start of a value.",
        Assert.Throws<UsageException>(() => Read("{\"prompt\": \"a\"}\n{\"prompt\": x}\n")).Message,
        StringComparison.Ordinal);

    private static IReadOnlyList<string> Read(string content)
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, content);
            return PromptFile.Read("--prompts", file);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
