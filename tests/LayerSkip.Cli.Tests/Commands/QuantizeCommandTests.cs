namespace LayerSkip.Cli.Tests.Commands;

public sealed class QuantizeCommandTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("layerskip-");

    private string Target => Path.Combine(_folder.FullName, "small");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("int8")]
    [InlineData("int4")]
    public void A_written_checkpoint_answers_as_its_source_does_in_the_same_format(string type)
    {
        var written = Tool.RunJson("quantize", "--model", Tool.Parser, "--to", type, "--output", Target);
        Assert.Equal(type, written.GetProperty("dtype").GetString());
        foreach (var prompt in (string[])["remind me to call mom at 5 pm", "Turn off alarms"])
        {
            var source = Tool.RunJson("generate", "--model", Tool.Parser, "--chat", "--prompt", prompt, "--dtype", type);
            var file = Tool.RunJson("generate", "--model", Target, "--chat", "--prompt", prompt);
            foreach (var field in (string[])["mode", "exit_layer", "num_speculations", "prompt_ids", "tokens", "text", "finish_reason"])
            {
                Assert.Equal(source.GetProperty(field).GetRawText(), file.GetProperty(field).GetRawText());
            }
        }
    }

    [Fact]
    public void What_cannot_be_done_is_said_in_a_line()
    {
        File.WriteAllText(Path.Combine(_folder.FullName, "notes"), "mine");
        AssertRefused("is not empty", "quantize", "--model", Tool.Parser, "--to", "int8", "--output", _folder.FullName);
        AssertRefused("int8", "quantize", "--model", Tool.Parser, "--to", "int7", "--output", Target);
        AssertRefused("--keep is 'norms'", "quantize", "--model", Tool.Parser, "--to", "int8", "--output", Target, "--keep", "head,norms");
        AssertRefused("--to", "quantize", "--model", Tool.Parser, "--output", Target);
        Assert.Equal(["notes"], _folder.EnumerateFileSystemInfos().Select(entry => entry.Name));

        var kept = Tool.RunJson("quantize", "--model", Tool.Parser, "--to", "int8", "--output", Target, "--keep", "head,embeddings");
        AssertRefused("is quantised already", "quantize", "--model", Target, "--to", "int4", "--output", Target + "2");
        var types = Tool.RunJson("inspect", "--model", Target).GetProperty("tensors").GetRawText();
        Assert.Contains("BF16", types, StringComparison.Ordinal);
        Assert.Contains("I8", types, StringComparison.Ordinal);
        Assert.True(kept.GetProperty("bytes").GetInt64() > 0);
    }

    private static void AssertRefused(string expected, params string[] args) => Assert.Contains(expected, Tool.RunBad(args), StringComparison.Ordinal);
}
