using LayerSkip.Cli.Prompts;

namespace LayerSkip.Cli.Tests.Prompts;

public sealed class PromptSourceTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("layerskip-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData('\u2028')]
    [InlineData('\u2029')]
    [InlineData('\u0085')]
    [InlineData('\f')]
    public void Prompts_of_text_files_end_at_line_feeds_alone(char separator)
    {
        var file = Path.Combine(_folder.FullName, "prompts.txt");
        File.WriteAllText(file, $"a{separator}b\r\n \nc");

        Assert.Equal([$"a{separator}b", "c"], PromptSource.Read("--data", file));
    }
}
