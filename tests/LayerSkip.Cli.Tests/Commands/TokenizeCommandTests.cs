using LayerSkip.Tests;

namespace LayerSkip.Cli.Tests.Commands;

public class TokenizeCommandTests
{
    [Fact]
    public void Parser_texts_equal_golden()
    {
        foreach (var item in SharedData.RequireJson("topv2-parser/golden.json").GetProperty("tokenizer_cases").EnumerateArray())
        {
            var report = Tool.RunJson("tokenize", "--model", Tool.Parser, "--text", item.GetProperty("text").GetString()!);

            Assert.Equal(Tool.Ids(item.GetProperty("ids_with_added_tokens")), Tool.Ids(report.GetProperty("ids")));
            Assert.Equal(report.GetProperty("ids").GetArrayLength(), report.GetProperty("pieces").GetArrayLength());
        }
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama2")]
    public void Directory_needs_no_more_than_a_tokenizer(string name)
    {
        var directory = SharedData.Require($"tokenizers/{name}");
        foreach (var item in SharedData.RequireJson($"tokenizers/{name}/vectors.json").GetProperty("no_special_tokens").EnumerateArray().Take(12))
        {
            var report = Tool.RunJson("tokenize", "--model", directory, "--no-special-tokens", "--text", item.GetProperty("text").GetString()!);

            Assert.Equal(Tool.Ids(item.GetProperty("ids")), Tool.Ids(report.GetProperty("ids")));
        }
    }

    [Fact]
    public void Special_tokens_come_unless_left_out()
    {
        var directory = SharedData.Require("tokenizers/llama2");

        var with = Tool.RunJson("tokenize", "--model", directory, "--text", "Hi");
        var without = Tool.RunJson("tokenize", "--model", directory, "--text", "Hi", "--no-special-tokens");

        Assert.Equal("<s>", with.GetProperty("pieces")[0].GetString());
        Assert.Equal(Tool.Ids(with.GetProperty("ids"))[1..], Tool.Ids(without.GetProperty("ids")));
        Assert.Equal("▁Hi", without.GetProperty("pieces")[0].GetString());
    }

    [Fact]
    public void Text_may_come_from_a_file_or_the_standard_input()
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, "call mom");
            string[] command = ["tokenize", "--model", Tool.Parser, "--file"];

            Assert.Equal("99\tc\n484\tall\n742\tĠmom\n", Tool.Run([.. command, file]).Output.ReplaceLineEndings("\n"));
            Assert.Equal("99\tc\n484\tall\n742\tĠmom\n", Tool.RunWithInput("call mom", [.. command, "-"]).Output.ReplaceLineEndings("\n"));

            File.WriteAllBytes(file, [0x61, 0xFF]);
            var error = Tool.RunBad([.. command, file]);
            Assert.Contains(file, error, StringComparison.Ordinal);
            Assert.Contains("UTF-8", error, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }

        Assert.Contains("--file", Tool.RunBad("tokenize", "--model", Tool.Parser, "--file", file), StringComparison.Ordinal);
        Assert.Contains("--file", Tool.RunBad("tokenize", "--model", Tool.Parser, "--file", Path.GetTempPath()), StringComparison.Ordinal);
    }
}
