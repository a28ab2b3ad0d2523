using System.Diagnostics;

namespace LayerSkip.Cli.Tests.Commands;

/// <summary>Outputs that are no plain files: links, and pipes, which stand for devices too.</summary>
public sealed class OutputFileTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("layerskip-");

    public OutputFileTests() => Assert.SkipUnless(OperatingSystem.IsLinux(), "what is no file is told on Linux alone");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void A_link_stays_one_and_its_target_is_replaced()
    {
        File.WriteAllText(PathOf("target.gguf"), "before");
        Link("link.gguf", "target.gguf");

        var written = Tool.RunJson("export", "--model", Tool.Parser, "--gguf", PathOf("link.gguf"));

        Assert.Equal(new FileInfo(PathOf("target.gguf")).Length, written.GetProperty("bytes").GetInt64());
        Assert.Equal("target.gguf", new FileInfo(PathOf("link.gguf")).LinkTarget);
        Assert.Equal(["link.gguf", "target.gguf"], Names());
    }

    [Theory]
    [InlineData("label --data PROMPTS --output PIPE", "{\"prompt\":\"Turn off alarms\",\"response\":\"[IN:SILENCE_ALARM ]\"}\n")]
    [InlineData("eval --data ROWS --output PIPE", "{\"version\":\"")]
    [InlineData("bench --max-tokens 2 --runs 1 --prompt-tokens 8 --html PIPE", "<!DOCTYPE html>")]
    [InlineData("sweep --data PROMPTS --exit-layer 1 --num-speculations 1,2 --max-tokens 2 --runs 1 --output CSV --html PIPE", "<!DOCTYPE html>")]
    [InlineData("export --gguf PIPE", "GGUF")]
    public async Task A_pipe_stays_one_and_its_reader_gets_it_all(string line, string begins)
    {
        File.WriteAllText(PathOf("prompts.txt"), "Turn off alarms");
        File.WriteAllText(PathOf("rows.jsonl"), """{"prompt": "Turn off alarms", "response": "[IN:SILENCE_ALARM ]"}""");
        var pipe = await MakePipe();
        var read = Task.Run(() => File.ReadAllText(pipe), TestContext.Current.CancellationToken);

        string[] words = [.. line.Split(' ').Select(word => word switch { "PIPE" => pipe, "PROMPTS" => PathOf("prompts.txt"), "ROWS" => PathOf("rows.jsonl"), "CSV" => PathOf("a.csv"), _ => word })];
        var result = Tool.Run([.. words, "--model", Tool.Parser]);

        Assert.Equal((CommandLine.Success, ""), (result.ExitCode, result.Error));
        var text = await read;
        Assert.StartsWith(begins, text, StringComparison.Ordinal);
        Assert.Equal(0, text.IndexOf(begins, StringComparison.Ordinal) + text.LastIndexOf(begins, StringComparison.Ordinal));
        Assert.DoesNotContain(Names(), name => name.EndsWith(".tmp", StringComparison.Ordinal));
        Assert.Equal(0, new FileInfo(pipe).Length);
    }

    [Fact]
    public async Task A_sweeps_rows_do_not_go_into_a_pipe() => Assert.Contains(
        "a device or a pipe, expected a file", Tool.RunBad("sweep", "--model", Tool.Parser, "--output", await MakePipe(), "--html", PathOf("a.html")), StringComparison.Ordinal);

    [Fact]
    public void A_link_to_the_input_or_to_nowhere_is_refused()
    {
        File.WriteAllText(PathOf("prompts.txt"), "Turn off alarms");
        Link("link.jsonl", "prompts.txt");
        Link("lost.jsonl", "no/such/file");
        Link("circle.jsonl", "circle.jsonl");
        string Bad(string output) => Tool.RunBad("label", "--model", Tool.Parser, "--data", PathOf("prompts.txt"), "--output", PathOf(output));

        Assert.Contains("which --data reads, expected another file", Bad("link.jsonl"), StringComparison.Ordinal);
        Assert.Contains("a link to 'no/such/file', expected a file in a directory that exists", Bad("lost.jsonl"), StringComparison.Ordinal);
        Assert.Contains("more than 40 symbolic links", Bad("circle.jsonl"), StringComparison.Ordinal);
        Assert.Equal("Turn off alarms", File.ReadAllText(PathOf("prompts.txt")));
    }

    private async Task<string> MakePipe()
    {
        using var make = Process.Start("mkfifo", [PathOf("pipe")]);
        await make.WaitForExitAsync(TestContext.Current.CancellationToken);
        return PathOf("pipe");
    }

    private void Link(string name, string target) => File.CreateSymbolicLink(PathOf(name), target);

    private string PathOf(string name) => Path.Combine(_folder.FullName, name);

    private string[] Names() => [.. _folder.GetFileSystemInfos().Select(entry => entry.Name).Order(StringComparer.Ordinal)];
}
