
namespace LayerSkip.Cli.Tests.Commands;

public class CorrectnessCommandTests
{
    [Fact]
    public void All_controllers_sources_and_formats_give_the_same_tokens()
    {
        var report = Tool.RunJson(
            "correctness", "--model", Tool.Parser, "--data", Rows(), "--samples", "5", "--dtype", "all", "--compression", "always", "--exit-layer", "all", "--max-tokens", "40");

        Assert.Equal((5, 0), (report.GetProperty("samples").GetInt32(), report.GetProperty("mismatches").GetInt32()));
        Assert.Equal(System.Text.Json.JsonValueKind.Null, report.GetProperty("first_mismatch").ValueKind);
        var cells = report.GetProperty("cells").EnumerateArray().ToArray();
        Assert.Equal(["bf16", "f32", "int4", "int8"], cells.Select(cell => cell.GetProperty("weight_format").GetString()).Distinct().Order(StringComparer.Ordinal));
        Assert.Equal(
            ["adaptive", "auto", "confidence", "dynamic", "fixed", "fsm"],
            cells.Select(cell => cell.GetProperty("controller").GetString()).Distinct().Order(StringComparer.Ordinal));
        Assert.Equal(cells.Length * 5, report.GetProperty("comparisons").GetInt32());
        Assert.All(cells, cell => Assert.True(cell.GetProperty("tokens").GetInt64() > 0));
        Assert.Contains(cells, cell => cell.GetProperty("accepted").GetInt64() > 0);
    }

    [Fact]
    public void What_is_drawn_is_the_same_too_and_the_table_says_so()
    {
        var result = Tool.Run(
            "correctness", "--model", Tool.Parser, "--data", Rows(), "--temperature", "1", "--controller", "fixed,auto", "--draft-source", "combined", "--max-tokens", "30");

        Assert.Equal((CommandLine.Success, ""), (result.ExitCode, result.Error));
        Assert.Contains("6 prompts, 12 outputs compared with autoregressive ones: 0 differ", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Prompts_need_no_responses()
    {
        var path = Tool.Utterances;
        var result = Tool.Run("correctness", "--model", Tool.Parser, "--data", path, "--samples", "1", "--controller", "fixed");

        Assert.Equal((CommandLine.Success, ""), (result.ExitCode, result.Error));
        Assert.Contains("1 prompt, 1 output compared with autoregressive ones: 0 differ", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Text_file_holds_a_prompt_a_line()
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("layerskip-correctness").FullName, "prompts.txt");
        File.WriteAllText(path, "Turn off alarms\r\n\n  \nplay some jazz\n");
        var result = Tool.Run("correctness", "--model", Tool.Parser, "--data", path, "--controller", "fixed");

        Assert.Equal((CommandLine.Success, ""), (result.ExitCode, result.Error));
        Assert.Contains("2 prompts, 2 outputs compared with autoregressive ones: 0 differ", result.Output, StringComparison.Ordinal);
        Assert.Contains("expected .tsv (TOPv2) or .jsonl", Tool.RunBad("eval", "--model", Tool.Parser, "--data", path), StringComparison.Ordinal);
    }

    [Fact]
    public void Bad_options_are_one_line()
    {
        Assert.Contains("expected .tsv (TOPv2), .jsonl or .txt", Tool.RunBad("correctness", "--model", Tool.Parser, "--data", "prompts.csv"), StringComparison.Ordinal);
        var rows = Rows();
        Assert.Contains("--controller is 'best', expected 'all', or some of auto, fixed", Tool.RunBad("correctness", "--model", Tool.Parser, "--data", rows, "--controller", "best"), StringComparison.Ordinal);
        Assert.Contains("--exit-layer is 12, expected 1..11", Tool.RunBad("correctness", "--model", Tool.Parser, "--data", rows, "--exit-layer", "12"), StringComparison.Ordinal);
        Assert.Contains("nowhere.tsv", Tool.RunBad("correctness", "--model", Tool.Parser, "--data", "nowhere.tsv"), StringComparison.Ordinal);
    }

    private static string Rows()
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("layerskip-correctness").FullName, "rows.jsonl");
        File.WriteAllLines(
            path,
            ((string[])["Turn off alarms", "remind me to call mom at 5 pm", "what is the weather", "play some jazz", "set a timer for 5 minutes", "text sam hi"])
                .Select(text => $"{{\"prompt\":\"{text}\",\"response\":\"[IN:X ]\"}}"));
        return path;
    }
}
