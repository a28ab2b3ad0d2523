using System.Text.Json;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Requests;
using LayerSkip.Cli.Evaluation;
using LayerSkip.Cli.Reports;
using LayerSkip.Cli.Verification;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Tokenization;

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
    public void Held_to_the_utterance_answers_are_the_same_too()
    {
        var data = Path.Combine(Directory.CreateTempSubdirectory("layerskip-").FullName, "rows.tsv");
        File.WriteAllText(
            data,
            "domain\tutterance\tsemantic_parse\n"
            + "event\tHoliday events at Pechanga REsort and Casino\t[IN:GET_EVENT [SL:DATE_TIME Holiday ] events at Pechanga REsort and Casino ]\n"
            + "messaging\tmessage Eva congratulations I am so so so so happy!\t[IN:SEND_MESSAGE message Eva congratulations I am so so so so happy ! ]\n");

        foreach (var temperature in (string[])["0", "1"])
        {
            var report = Tool.RunJson("correctness", "--model", Tool.Parser, "--data", data, "--grounded", "--dtype", "bf16,int4", "--temperature", temperature);

            Assert.True(report.GetProperty("grounded").GetBoolean());
            Assert.Equal((2 * 2 * 6, 0), (report.GetProperty("comparisons").GetInt32(), report.GetProperty("mismatches").GetInt32()));
        }

        Directory.Delete(Path.GetDirectoryName(data)!, recursive: true);
    }

    [Fact]
    public void Seed_chooses_the_same_settings_in_every_process_and_a_mismatch_tells_them_all()
    {
        var tokenizer = Tokenizer.Load(Tool.Parser);
        var evaluator = new Evaluator([new("rows.jsonl, line 1", "x", "a", "b")], tokenizer, new PromptEncoder(ChatTemplate.Default, tokenizer));
        var run = new CorrectnessRun(evaluator, [DraftController.Fixed, DraftController.Confidence], Enum.GetValues<DraftSource>(), Enum.GetValues<DraftWeights>(), [], temperature: 0, seed: 1);
        var plain = new DecodingOptions();

        var drawn = run.Draw(plain, row: 3, index: 1, layers: 12);

        Assert.Equal(
            (DraftController.Confidence, DraftSource.Combined, DraftWeights.Int4, 10, 12, 0.755087852f),
            (drawn.DraftController!.Value, drawn.DraftSource!.Value, drawn.DraftWeights!.Value, drawn.ExitLayer!.Value, drawn.NumSpeculations!.Value, drawn.DraftThreshold!.Value));
        Assert.Equal(10, Enumerable.Range(0, 10).Select(row => run.Draw(plain, row, 1, 12)).Distinct().Count());
        var mismatch = new MismatchReport("rows.jsonl, line 1", "bf16", "confidence", "exit", "int4", 2, 4, 0.5f, 0, [1], [2]);
        Assert.Contains("\"draft_weights\":\"int4\",\"exit_layer\":2,\"num_speculations\":4,\"draft_threshold\":0.5,", JsonSerializer.Serialize(mismatch, ReportJson.Instance.MismatchReport), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--dtype int4,int8 --compression always", "--compression has no effect: weights are kept in int8, and only f32 and bf16 are compressed")]
    [InlineData("--grounded", "--grounded has no effect: it is of TOPv2's rows, and --data holds none")]
    [InlineData("--exit-layer 2 --draft-source lookup", "--exit-layer has no effect: with the draft source lookup alone no layer drafts")]
    public void Option_without_effect_is_noted(string options, string note)
    {
        var result = Tool.Run(["correctness", "--model", Tool.Parser, "--data", Rows(), "--samples", "1", "--controller", "fixed", .. options.Split(' ')]);

        Assert.Equal((CommandLine.Success, $"layerskip: note: {note}{Environment.NewLine}"), (result.ExitCode, result.Error));
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
