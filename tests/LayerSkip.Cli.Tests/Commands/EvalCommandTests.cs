using System.Text.Json;
using LayerSkip.Parsing.Data;
using LayerSkip.Parsing.Forms;
using LayerSkip.Parsing.Frames;
using LayerSkip.Tests;

namespace LayerSkip.Cli.Tests.Commands;

public sealed class EvalCommandTests : IDisposable
{
    private const string Rows =
        "domain\tutterance\tsemantic_parse\n" +
        "alarm\tTurn off alarms\t[IN:SILENCE_ALARM Turn off alarms ]\n" +
        "reminder\tremind me to call mom at 5 pm\t[IN:CREATE_REMINDER remind [SL:PERSON_REMINDED me ] to [SL:TODO call mom ] [SL:DATE_TIME at 5 pm ] ]\n" +
        "reminder\tset a timer for 5 minutes\t[IN:CREATE_ALARM set a timer [SL:DATE_TIME for 5 minutes ] ]\n";

    private readonly string _directory = Directory.CreateTempSubdirectory("layerskip-eval-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Report_has_scores_overlap_and_speed()
    {
        var data = Write("rows.tsv", Rows);
        var train = Write("train.jsonl", "{\"prompt\": \"  TURN off\\talarms \", \"response\": \"x\"}\n\n{\"prompt\": \"other\", \"response\": \"y\"}\n"
            + """{"messages": [{"role": "user", "content": "call it"}, {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]}]}""");
        var output = Path.Combine(_directory, "report.json");

        var report = Tool.RunJson(
            "eval", "--model", Tool.Parser, "--data", data, "--train", train, "--exit-layer", "6,2", "--num-speculations", "3,5", "--runs", "2", "--output", output);

        Assert.Equal(3, report.GetProperty("rows").GetInt32());
        Assert.Equal("topv2-parser", report.GetProperty("model").GetString());
        Assert.Matches(@"^\d+\.\d+", report.GetProperty("version").GetString());
        Assert.Equal((96, 32, 1, "decoupled"), (
            report.GetProperty("max_tokens").GetInt32(),
            report.GetProperty("concurrency").GetInt32(),
            report.GetProperty("seed").GetInt32(),
            report.GetProperty("form").GetString()));
        Assert.False(report.GetProperty("grounded").GetBoolean());
        Assert.Equal(JsonValueKind.Null, report.GetProperty("limit").ValueKind);
        var file = report.GetProperty("files")[0];
        Assert.Equal((data, 3, 3), (file.GetProperty("path").GetString(), file.GetProperty("rows").GetInt32(), file.GetProperty("evaluated").GetInt32()));

        // The first two are right, the third's reference is wrong.
        Assert.Equal(0.75, report.GetProperty("exact_match").GetDouble());
        Assert.Equal([12, 2, 6], report.GetProperty("depths").EnumerateArray().Select(depth => depth.GetProperty("layers").GetInt32()));
        var full = report.GetProperty("depths")[0];
        Assert.Equal(("autoregressive", false), (full.GetProperty("mode").GetString(), full.GetProperty("lossy").GetBoolean()));
        Assert.Equal(("early-exit", true), (
            report.GetProperty("depths")[1].GetProperty("mode").GetString(), report.GetProperty("depths")[1].GetProperty("lossy").GetBoolean()));
        Assert.Equal(0.75, full.GetProperty("over_domains").GetProperty("exact_match").GetDouble());
        Assert.Equal(2 / 3.0, full.GetProperty("over_rows").GetProperty("exact_match").GetDouble(), 12);
        Assert.Equal(1, full.GetProperty("over_rows").GetProperty("same_as_full_depth").GetDouble());
        Assert.Equal(1, full.GetProperty("over_rows").GetProperty("tree_validity").GetDouble());
        Assert.Equal(0, full.GetProperty("over_rows").GetProperty("unfinished").GetInt32());
        Assert.Equal(0.5, full.GetProperty("domains").GetProperty("reminder").GetProperty("exact_match").GetDouble());
        Assert.True(full.GetProperty("tokens").GetInt32() > 15);

        var overlap = report.GetProperty("overlap");
        Assert.Equal((3, 1), (overlap.GetProperty("train_rows").GetInt32(), overlap.GetProperty("rows").GetInt32()));
        Assert.Equal((1, 0.5), (
            overlap.GetProperty("depths")[0].GetProperty("seen").GetDouble(), overlap.GetProperty("depths")[0].GetProperty("unseen").GetDouble()));

        var speed = report.GetProperty("speed");
        Assert.Equal((3, 2), (speed.GetProperty("rows").GetInt32(), speed.GetProperty("runs").GetInt32()));
        Assert.Equal(
            [(2, 3), (2, 5), (6, 3), (6, 5)],
            speed.GetProperty("cells").EnumerateArray().SkipLast(1).Select(cell => (cell.GetProperty("exit_layer").GetInt32(), cell.GetProperty("num_speculations").GetInt32())));
        var auto = speed.GetProperty("cells").EnumerateArray().Last();
        Assert.Equal(("auto", JsonValueKind.Null), (auto.GetProperty("controller").GetString(), auto.GetProperty("exit_layer").ValueKind));
        Assert.Equal(3, auto.GetProperty("identical").GetInt32());
        foreach (var cell in speed.GetProperty("cells").EnumerateArray().SkipLast(1))
        {
            Assert.Equal(3, cell.GetProperty("identical").GetInt32());
            Assert.InRange(cell.GetProperty("acceptance_rate").GetDouble(), 0.3, 1);
            Assert.InRange(cell.GetProperty("tokens_per_round").GetDouble(), 1, 6);
            Assert.True(cell.GetProperty("autoregressive_ms").GetDouble() > 0 && cell.GetProperty("self_speculative_ms").GetDouble() > 0);
            Assert.True(cell.GetProperty("autoregressive_mean_ms").GetDouble() > 0 && cell.GetProperty("self_speculative_mean_ms").GetDouble() > 0);
        }

        Assert.Equal(
            speed.GetProperty("cells").EnumerateArray().Max(cell => cell.GetProperty("speedup").GetProperty("median").GetDouble()),
            report.GetProperty("speedup").GetDouble());
        using var written = JsonDocument.Parse(File.ReadAllBytes(output));
        Assert.Equal(report.GetRawText(), written.RootElement.GetRawText());
        Assert.Equal([output, data, train], Directory.GetFiles(_directory).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Grounded_answers_are_of_the_utterances_words_and_the_same_in_requests_of_their_own()
    {
        // The parser by itself spells the name wrongly, and sets the alarm to 6:11.
        var data = Write(
            "rows.tsv",
            "domain\tutterance\tsemantic_parse\n"
            + "messaging\tDisplay latest texts from Lucía\t[IN:GET_MESSAGE Display [SL:ORDINAL latest ] texts from [SL:SENDER Lucía ] ]\n"
            + "alarm\tChange my 6 am alarm to 6:13\t[IN:UPDATE_ALARM Change my [SL:ALARM_NAME [IN:GET_TIME [SL:DATE_TIME 6 am ] ] ] alarm [SL:DATE_TIME to 6 : 13 ] ]\n");

        var free = Tool.RunJson("eval", "--model", Tool.Parser, "--data", data, "--speed-rows", "0");
        var grounded = Tool.RunJson("eval", "--model", Tool.Parser, "--data", data, "--grounded", "--exit-layer", "2", "--runs", "1");

        Assert.Equal((false, 0), (free.GetProperty("grounded").GetBoolean(), free.GetProperty("exact_match").GetDouble()));
        Assert.Equal((true, 1), (grounded.GetProperty("grounded").GetBoolean(), grounded.GetProperty("exact_match").GetDouble()));
        Assert.All(grounded.GetProperty("speed").GetProperty("cells").EnumerateArray(), cell => Assert.Equal(2, cell.GetProperty("identical").GetInt32()));
    }

    [Fact]
    public void Json_lines_are_matched_as_text()
    {
        var data = Write(
            "plain.jsonl",
            "{\"prompt\": \"Turn off alarms\", \"response\": \" [IN:SILENCE_ALARM ] \"}\n\n" +
            "{\"prompt\": \"Turn off alarms\", \"response\": \"[IN:SILENCE_ALARM]\", \"domain\": \"strict\", \"more\": 1}\n");

        var report = Tool.RunJson("eval", "--model", Tool.Parser, "--data", data, "--speed-rows", "0");

        var full = report.GetProperty("depths")[0];
        Assert.Equal(1, full.GetProperty("domains").GetProperty("plain").GetProperty("exact_match").GetDouble());
        Assert.Equal(0, full.GetProperty("domains").GetProperty("strict").GetProperty("exact_match").GetDouble());
        Assert.Equal(JsonValueKind.Null, full.GetProperty("over_rows").GetProperty("slot_f1").ValueKind);
        Assert.Equal(JsonValueKind.Null, full.GetProperty("over_domains").GetProperty("intent_accuracy").ValueKind);
        Assert.Equal(JsonValueKind.Null, report.GetProperty("speed").ValueKind);
        Assert.Equal(JsonValueKind.Null, report.GetProperty("speedup").ValueKind);
        Assert.Equal(JsonValueKind.Null, report.GetProperty("overlap").ValueKind);
    }

    [Theory]
    [InlineData("rows.jsonl", "{\"prompt\": \"Turn off alarms\", \"response\": \"x\"}", "layerskip: note: --form has no effect: it is of TOPv2's rows, and --data holds none\n")]
    [InlineData("rows.tsv", Rows, "")]
    public void Form_of_rows_that_have_none_is_noted(string name, string text, string error)
    {
        var result = Tool.Run("eval", "--model", Tool.Parser, "--data", Write(name, text), "--speed-rows", "0", "--form", "full");

        Assert.Equal((CommandLine.Success, error), (result.ExitCode, result.Error.ReplaceLineEndings("\n")));
    }

    [Fact]
    public void Exact_match_of_eval_rows_is_what_generate_answers()
    {
        var data = SharedData.Require("topv2/weather_eval.tsv");

        var report = Tool.RunJson("eval", "--model", Tool.Parser, "--data", data, "--limit", "8", "--seed", "3", "--speed-rows", "0");

        var offset = new Random(3).NextDouble();
        var rows = TopV2File.Read(data).ToArray();
        var right = 0;
        for (var i = 0; i < 8; i++)
        {
            var row = rows[(int)((i + offset) * rows.Length / 8)];
            var text = Tool.RunJson("generate", "--model", Tool.Parser, "--chat", "--mode", "autoregressive", "--prompt", row.Utterance).GetProperty("text").GetString();
            right += FrameTree.TryParse(text, out var tree) && tree.Equals(DecoupledForm.FromFull(row.Parse)) ? 1 : 0;
        }

        Assert.Equal(right / 8.0, report.GetProperty("exact_match").GetDouble());
        Assert.InRange(right, 4, 8);
        Assert.Equal((8, 8), (report.GetProperty("limit").GetInt32(), report.GetProperty("rows").GetInt32()));
    }

    [Fact]
    public void Scores_of_every_exit_are_those_of_an_independent_implementation()
    {
        var items = SharedData.RequireJson("topv2-parser/golden.json").GetProperty("items").EnumerateArray().ToArray();
        var data = Write("golden.tsv", "domain\tutterance\tsemantic_parse\n" + string.Concat(items.Select(item =>
            $"{item.GetProperty("domain").GetString()}\t{item.GetProperty("utterance").GetString()}\t{item.GetProperty("reference").GetString()}\n")));
        string[] exits = ["2", "3", "4", "6", "8"];

        var report = Tool.RunJson(
            "eval", "--model", Tool.ReferenceParser, "--data", data, "--exit-layer", string.Join(',', exits), "--speed-rows", "0", "--concurrency", "7");

        var depths = report.GetProperty("depths").EnumerateArray().Select(depth => depth.GetProperty("over_rows")).ToArray();
        Assert.Equal(items.Count(item => item.GetProperty("exact_match").GetBoolean()) / (double)items.Length, depths[0].GetProperty("exact_match").GetDouble());
        foreach (var (exit, depth) in exits.Zip(depths.Skip(1)))
        {
            var same = items.Count(item => Tool.Ids(item.GetProperty("early_exit").GetProperty(exit).GetProperty("output_ids"))
                .SequenceEqual(Tool.Ids(item.GetProperty("output_ids"))));
            Assert.Equal(same / (double)items.Length, depth.GetProperty("same_as_full_depth").GetDouble());
        }
    }

    [Fact]
    public void Every_exit_is_scored_when_all_are_asked_for()
    {
        var report = Tool.RunJson("eval", "--model", Tool.Parser, "--data", Write("rows.tsv", Rows), "--exit-layer", "all", "--speed-rows", "0");

        Assert.Equal([12, .. Enumerable.Range(1, 11)], report.GetProperty("depths").EnumerateArray().Select(depth => depth.GetProperty("layers").GetInt32()));
    }

    [Fact]
    public void Tables_are_plain_text()
    {
        var result = Tool.Run("eval", "--model", Tool.Parser, "--data", Write("rows.tsv", Rows), "--exit-layer", "6", "--speed-rows", "2", "--runs", "1");

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.DoesNotContain('\u001b', result.Output);
        Assert.Matches(@"12 \(all\) +75\.0 +66\.7", result.Output);
        Assert.Matches(@"reminder +2 +50\.0", result.Output);
        Assert.Contains("2 of 2", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Checkpoint_without_defaults_and_template_is_evaluated()
    {
        using var checkpoint = TokenizedCheckpoint.Write(template: false);
        var data = Write("rows.jsonl", "{\"prompt\": \"a\", \"response\": \"b\"}\n{\"prompt\": \"c\", \"response\": \"d\"}\n");

        var result = Tool.Run("eval", "--model", checkpoint.Directory, "--data", data, "--max-tokens", "4", "--runs", "1", "--json");

        Assert.Contains("no chat template", result.Error, StringComparison.Ordinal);
        using var report = JsonDocument.Parse(result.Output);
        var cell = report.RootElement.GetProperty("speed").GetProperty("cells")[0];
        Assert.Equal((1, 4, 2), (
            cell.GetProperty("exit_layer").GetInt32(), cell.GetProperty("num_speculations").GetInt32(), cell.GetProperty("identical").GetInt32()));
        Assert.Equal(2, report.RootElement.GetProperty("depths")[0].GetProperty("over_rows").GetProperty("unfinished").GetInt32());
    }

    [Fact]
    public void Model_of_one_layer_is_scored_without_speed()
    {
        using var checkpoint = TokenizedCheckpoint.Write(TokenizedCheckpoint.Config with { Layers = 1 });
        var data = Write("rows.jsonl", "{\"prompt\": \"a\", \"response\": \"b\"}\n");

        var report = Tool.RunJson("eval", "--model", checkpoint.Directory, "--data", data, "--max-tokens", "2", "--exit-layer", "all");

        Assert.Equal(1, report.GetProperty("depths").GetArrayLength());
        Assert.Equal(JsonValueKind.Null, report.GetProperty("speed").ValueKind);
    }

    [Fact]
    public void Damaged_weights_are_one_line()
    {
        var config = TokenizedCheckpoint.Config with { TiedEmbeddings = true };
        using var checkpoint = TokenizedCheckpoint.Write(config);
        checkpoint.Damage(config.HiddenSize);
        var error = Tool.RunBad(
            "eval", "--model", checkpoint.Directory, "--data", Write("rows.jsonl", "{\"prompt\": \"a\", \"response\": \"b\"}\n"));

        Assert.Contains("NaN", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("rows.tsv", "", "line 1", "header")]
    [InlineData("rows.tsv", "domain\tutterance\tsemantic_parse\n", "rows.tsv", "holds no row")]
    [InlineData("rows.tsv", "domain\tutterance\tsemantic_parse\na\tb\n", "line 2", "semantic_parse")]
    [InlineData("rows.tsv", "domain\tutterance\tsemantic_parse\na\tb\t[IN:X ]\na\tb\t[IN:X\n", "line 3", "rows.tsv")]
    [InlineData("rows.jsonl", "\n \n", "rows.jsonl", "holds no row")]
    [InlineData("rows.jsonl", "{\"prompt\": \"a\", \"response\": \"b\"}\n{\"prompt\": \"a\"}\n", "line 2", "response is missing")]
    [InlineData("rows.jsonl", "{\"prompt\": 1, \"response\": \"b\"}\n", "line 1", "prompt is no text")]
    [InlineData("rows.jsonl", "{\"prompt\": \" \", \"response\": \"b\"}\n", "line 1", "prompt is no text")]
    [InlineData("rows.jsonl", "{\"prompt\": \"a\", \"response\": \"b\", \"domain\": null}\n", "line 1", "domain is no text")]
    [InlineData("rows.jsonl", "[1]\n", "line 1", "expected an object")]
    [InlineData("rows.jsonl", "{\"prompt\": \"a\",\n", "line 1", "not valid JSON")]
    [InlineData("rows.jsonl", "{\"prompt\": \"\\ud800\", \"response\": \"b\"}\n", "line 1", "not valid JSON")]
    [InlineData("rows.csv", "a,b\n", "rows.csv", ".tsv (TOPv2) or .jsonl")]
    public void Bad_row_names_file_line_and_field(string file, string text, string where, string what)
    {
        var error = Tool.RunBad("eval", "--model", Tool.Parser, "--data", Write(file, text));

        Assert.Contains("--data", error, StringComparison.Ordinal);
        Assert.Contains(file, error, StringComparison.Ordinal);
        Assert.Contains(where, error, StringComparison.Ordinal);
        Assert.Contains(what, error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--exit-layer 12", "--exit-layer is 12, expected 1..11")]
    [InlineData("--exit-layer 0", "--exit-layer is '0', expected 'all', or integers of at least 1 or ranges such as 2..6, separated by commas")]
    [InlineData("--exit-layer 2,,3", "--exit-layer is '2,,3'")]
    [InlineData("--exit-layer half", "--exit-layer is 'half'")]
    [InlineData("--num-speculations 4,65", "--num-speculations is '4,65', expected integers from 1 to 64")]
    [InlineData("--num-speculations all", "--num-speculations is 'all'")]
    [InlineData("--limit 0", "--limit is '0'")]
    [InlineData("--speed-rows -1", "--speed-rows is '-1'")]
    [InlineData("--concurrency 5000", "--concurrency is '5000', expected an integer from 1 to 4096")]
    [InlineData("--form flat", "--form is 'flat', expected one of decoupled, full, index")]
    [InlineData("--grounded --form index", "--grounded holds answers to frames of the decoupled form, but --form is index")]
    [InlineData("--train no-such.tsv", "--train no-such.tsv: does not exist")]
    [InlineData("--data no-such.jsonl", "--data no-such.jsonl: does not exist")]
    [InlineData("--output no/such/report.json", "--output is 'no/such/report.json', expected a file in a directory that exists")]
    [InlineData("--model /no/such/model", "/no/such/model")]
    [InlineData("--exit-layers 2", "did you mean '--exit-layer'")]
    public void Bad_option_is_one_line(string options, string names)
    {
        var error = Tool.RunBad(
        [
            "eval",
            .. options.StartsWith("--model", StringComparison.Ordinal) ? Array.Empty<string>() : ["--model", Tool.Parser],
            .. options.StartsWith("--data", StringComparison.Ordinal) ? Array.Empty<string>() : ["--data", Write("rows.tsv", Rows)],
            .. options.Split(' '),
        ]);

        Assert.Contains(names, error, StringComparison.Ordinal);
    }

    [Fact]
    public void File_given_twice_is_one_line()
    {
        var data = Write("rows.tsv", Rows);

        Assert.Contains("is given twice", Tool.RunBad("eval", "--model", Tool.Parser, "--data", data, Path.Combine(_directory, ".", "rows.tsv")), StringComparison.Ordinal);
    }

    [Fact]
    public void Row_beyond_the_context_names_file_and_line()
    {
        var data = Write("long.jsonl", $"{{\"prompt\": \"a\", \"response\": \"b\"}}\n{{\"prompt\": \"{string.Join(' ', Enumerable.Repeat("word", 300))}\", \"response\": \"b\"}}\n");

        var error = Tool.RunBad("eval", "--model", Tool.Parser, "--data", data);

        Assert.Contains("long.jsonl, line 2", error, StringComparison.Ordinal);
        Assert.Contains("context of 256", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Interrupt_ends_the_command()
    {
        using var interrupt = new Interrupt();
        using var output = new StringWriter();
        interrupt.Raise();

        var exitCode = CommandLine.Invoke(
            ["eval", "--model", Tool.Parser, "--data", Write("rows.tsv", Rows)], new Terminal(output, TextWriter.Null, Stream.Null, interrupt));

        Assert.Equal((CommandLine.Interrupted, ""), (exitCode, output.ToString()));
    }

    private string Write(string name, string text)
    {
        var path = Path.Combine(_directory, name);
        File.WriteAllText(path, text);
        return path;
    }
}
