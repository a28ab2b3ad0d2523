using System.Text.Json;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using LayerSkip.Tests;

namespace LayerSkip.Cli.Tests.Commands;

public sealed class SweepCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("layerskip-sweep-").FullName;
    private readonly TinyCheckpoint _checkpoint = TokenizedCheckpoint.Write();

    private readonly string _prompts = Path.Combine(Path.GetTempPath(), $"layerskip-{Guid.NewGuid():N}.txt");

    public SweepCommandTests() => File.WriteAllText(_prompts, "Turn off alarms\n\nremind me to call mom\nset a timer\n");

    private string Csv => Path.Combine(_folder, "grid.csv");

    public void Dispose()
    {
        _checkpoint.Dispose();
        File.Delete(_prompts);
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Grid_is_measured_on_the_same_prompts_in_every_cell()
    {
        var report = Tool.RunJson(Arguments("--exit-layer", "1..3", "--num-speculations", "2,4..5"));

        Assert.Equal(0, report.GetProperty("mismatches").GetInt32());
        Assert.Equal(0, report.GetProperty("resumed").GetInt32());
        Assert.Equal(3, report.GetProperty("prompts").GetInt32());
        var cells = report.GetProperty("cells").EnumerateArray().ToArray();
        Assert.Equal([(1, 2), (1, 4), (1, 5), (2, 2), (2, 4), (2, 5), (3, 2), (3, 4), (3, 5)], cells.Select(Key));
        Assert.All(cells, cell => Assert.Equal(3, cell.GetProperty("identical").GetInt32()));
        var best = report.GetProperty("best").GetProperty("speedup").GetProperty("median").GetDouble();
        Assert.Equal(cells.Max(cell => cell.GetProperty("speedup").GetProperty("median").GetDouble()), best);

        var lines = File.ReadAllLines(Csv);
        Assert.Equal(11, lines.Length);
        Assert.Equal("auto", report.GetProperty("auto").GetProperty("controller").GetString());
        Assert.StartsWith("model,checkpoint,weight_format,device,prompts,prompt_ids,max_tokens,runs,compression,draft_weights,auto_source,auto_exit_layer,auto_num_speculations,controller,exit_layer,num_speculations,speedup,", lines[0], StringComparison.Ordinal);
        Assert.Equal(["grid.csv", "grid.html"], Directory.GetFiles(_folder).Select(Path.GetFileName).Order());
        var page = XDocument.Parse(File.ReadAllText(Path.Combine(_folder, "grid.html")).Replace("<!DOCTYPE html>", "", StringComparison.Ordinal));
        Assert.Equal(3, page.Descendants("svg").Count());
    }

    [Fact]
    public void Killed_sweep_goes_on_and_keeps_what_is_there()
    {
        Tool.RunJson(Arguments("--exit-layer", "1,2", "--num-speculations", "2,3"));
        var lines = File.ReadAllLines(Csv);
        Assert.Contains(",auto,,,", lines[1], StringComparison.Ordinal);
        File.WriteAllLines(Csv, [lines[0], lines[1], lines[3]]);

        var report = Tool.RunJson(Arguments("--exit-layer", "1,2", "--num-speculations", "2,3"));

        Assert.Equal(2, report.GetProperty("resumed").GetInt32());
        var resumed = File.ReadAllLines(Csv);
        Assert.Equal(6, resumed.Length);
        Assert.Equal((lines[1], lines[3]), (resumed[1], resumed[3]));

        // A larger grid takes over what is known of it, and a finished one measures nothing.
        Tool.RunJson(Arguments("--exit-layer", "all", "--num-speculations", "2,3"));
        Assert.Equal(resumed, File.ReadAllLines(Csv)[..6]);
        var finished = File.ReadAllText(Csv);
        Assert.Equal(7, Tool.RunJson(Arguments("--exit-layer", "3", "--num-speculations", "2")).GetProperty("resumed").GetInt32());
        Assert.Equal(finished, File.ReadAllText(Csv));

        // Whoever reads the table is told that it is not new.
        Assert.Equal(Note(2, 2), Tool.Run(Arguments("--exit-layer", "3", "--num-speculations", "2")).Error);
        Assert.Equal(Note(2, 3), Tool.Run(Arguments("--exit-layer", "3", "--num-speculations", "2,5")).Error);

        string Note(int known, int cells) => $"layerskip: note: {known} of {cells} cells are from {Csv}, measured before (--force measures them anew){Environment.NewLine}";
    }

    [Fact]
    public void File_of_another_setup_is_refused_by_name_and_stays()
    {
        Tool.RunJson(Arguments("--exit-layer", "1", "--num-speculations", "2"));
        var before = File.ReadAllText(Csv);

        AssertRefused("max_tokens '6', this sweep has '7'", Arguments("--max-tokens", "7"));
        AssertRefused("runs '1', this sweep has '2'", Arguments("--runs", "2"));
        AssertRefused("device 'cpu (2 threads", Arguments("--threads", "1"));
        AssertRefused("weight_format 'f32', this sweep has 'bf16'", Arguments("--dtype", "bf16"));
        AssertRefused("prompt_ids '", Arguments("--plain"));
        using (var other = TokenizedCheckpoint.Write(TokenizedCheckpoint.Config with { RmsNormEpsilon = 1e-4f }))
        {
            AssertRefused("model '", [.. Arguments().Select(argument => argument == _checkpoint.Directory ? other.Directory : argument)]);
        }

        _checkpoint.Edit("config.json", config => config["rms_norm_eps"] = 1e-4);
        AssertRefused("checkpoint '", Arguments());
        Assert.Equal(before, File.ReadAllText(Csv));

        Assert.Equal(0, Tool.RunJson([.. Arguments("--exit-layer", "1", "--num-speculations", "2"), "--force"]).GetProperty("resumed").GetInt32());
        Assert.NotEqual(before, File.ReadAllText(Csv));
    }

    [Fact]
    public void How_the_checkpoint_drafts_matters_to_auto_alone()
    {
        Tool.RunJson(Arguments("--exit-layer", "1", "--num-speculations", "2"));
        var before = File.ReadAllLines(Csv);
        Assert.Contains(",combined,,16,auto,,,", before[1], StringComparison.Ordinal);
        Assert.Contains(",combined,,,fixed,1,2,", before[2], StringComparison.Ordinal);
        foreach (var (declared, beginning) in ((JsonObject, string)[])
            [
                (new() { ["exit_layer"] = 2 }, "2,16"), (new() { ["exit_layer"] = 2, ["num_speculations"] = 20 }, "2,20"), (new() { ["draft_controller"] = "fixed" }, ",16"),
            ])
        {
            File.WriteAllText(_checkpoint.PathOf("generation_config.json"), new JsonObject { ["layerskip"] = declared }.ToJsonString());

            Assert.Equal(1, Tool.RunJson(Arguments("--exit-layer", "1", "--num-speculations", "2")).GetProperty("resumed").GetInt32());
            var after = File.ReadAllLines(Csv);
            Assert.Contains($",combined,{beginning},auto,,,", after[1], StringComparison.Ordinal);
            Assert.Equal(before[2], after[2]);
            Assert.Equal(2, Tool.RunJson(Arguments("--exit-layer", "1", "--num-speculations", "2")).GetProperty("resumed").GetInt32());
        }
    }

    [Fact]
    public void Grid_drafts_by_its_exits_whatever_the_checkpoint_copies()
    {
        _checkpoint.Edit("generation_config.json", json => json["layerskip"] = new JsonObject { ["draft_source"] = "lookup" });

        var report = Tool.RunJson(Arguments("--exit-layer", "1,2", "--num-speculations", "2"));

        Assert.Equal([1, 2], report.GetProperty("cells").EnumerateArray().Select(cell => cell.GetProperty("mean_exit_layer").GetDouble()));
        Assert.Equal(("auto", "lookup"), (report.GetProperty("compression").GetString(), report.GetProperty("auto_source").GetString()));
        _checkpoint.Edit("generation_config.json", json => json.Remove("layerskip"));
        AssertRefused("auto_source 'lookup', this sweep has 'combined'", Arguments());
    }

    [Theory]
    [InlineData("f32")]
    [InlineData("bf16")]
    public void Weights_compressed_otherwise_are_another_setup(string format)
    {
        string[] arguments = Arguments("--exit-layer", "1", "--num-speculations", "2", "--dtype", format);
        Assert.Equal("auto", Tool.RunJson(arguments).GetProperty("compression").GetString());

        AssertRefused("compression 'auto', this sweep has 'never'", [.. arguments, "--compression", "never"]);
    }

    [Fact]
    public void Weights_that_cannot_be_compressed_have_no_compression() => Assert.Equal(
        "none", Tool.RunJson(Arguments("--exit-layer", "1", "--num-speculations", "2", "--dtype", "int8")).GetProperty("compression").GetString());

    [Fact]
    public void Drafts_by_other_weights_are_another_setup()
    {
        string[] arguments = Arguments("--exit-layer", "1", "--num-speculations", "2");
        Assert.Equal("exact", Tool.RunJson(arguments).GetProperty("draft_weights").GetString());

        AssertRefused("draft_weights 'exact', this sweep has 'int4'", [.. arguments, "--draft-weights", "int4"]);
        var result = Tool.Run([.. arguments, "--draft-weights", "int4", "--dtype", "int8", "--force"]);
        Assert.Matches("--draft-weights has no effect: .* has no such copy on cpu .*, int8", result.Error);
        result = Tool.Run(Arguments("--exit-layer", "4", "--num-speculations", "2", "--draft-weights", "int4", "--dtype", "int8", "--force"));
        Assert.Contains("--exit-layer is 4, expected 1..3", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void All_layers_by_coarse_weights_are_the_grids_last_row_which_is_read_again()
    {
        string[] arguments = Arguments("--num-speculations", "2", "--draft-weights", "int8");
        Assert.Equal([(1, 2), (2, 2), (3, 2), (4, 2)], Tool.RunJson(arguments).GetProperty("cells").EnumerateArray().Select(Key));
        Assert.Equal(5, Tool.RunJson(arguments).GetProperty("resumed").GetInt32());
    }

    [Fact]
    public void File_of_an_earlier_version_is_refused_by_what_it_lacks()
    {
        Tool.RunJson(Arguments("--exit-layer", "1", "--num-speculations", "2"));
        var content = File.ReadAllText(Csv).Replace("runs,compression,draft_weights,auto_source,auto_exit_layer,auto_num_speculations,", "runs,", StringComparison.Ordinal);
        File.WriteAllText(Csv, content);

        AssertRefused("line 1: lacks compression, draft_weights, auto_source, auto_exit_layer, auto_num_speculations, as an earlier version wrote it", Arguments());
        Assert.Equal(content, File.ReadAllText(Csv));
    }

    [Fact]
    public void Plain_prompts_of_a_checkpoint_without_a_template_are_no_choice()
    {
        using var plain = TokenizedCheckpoint.Write(template: false);

        var result = Tool.Run([.. Arguments("--exit-layer", "1", "--num-speculations", "2", "--plain").Select(argument => argument == _checkpoint.Directory ? plain.Directory : argument)]);

        Assert.Equal(
            (CommandLine.Success, $"layerskip: note: --plain has no effect: {plain.Directory} has no chat template, without which prompts are plain text anyway{Environment.NewLine}"),
            (result.ExitCode, result.Error));

        // One that cannot be read is one, and plain prompts are the way around it.
        File.WriteAllText(Path.Combine(plain.Directory, "tokenizer_config.json"), """{"chat_template": [{"name": "tool_use", "template": "x"}]}""");
        var damaged = Tool.Run([.. Arguments("--exit-layer", "1", "--num-speculations", "2", "--plain", "--force").Select(argument => argument == _checkpoint.Directory ? plain.Directory : argument)]);
        Assert.Equal((CommandLine.Success, ""), (damaged.ExitCode, damaged.Error));
    }

    [Fact]
    public void Tokens_that_differ_end_with_exit_code_1()
    {
        Tool.RunJson(Arguments("--exit-layer", "1", "--num-speculations", "2"));
        var lines = File.ReadAllLines(Csv);
        File.WriteAllLines(Csv, [lines[0], lines[1], lines[2][..^1] + "2"]);

        var result = Tool.Run(Arguments("--exit-layer", "1", "--num-speculations", "2"));

        Assert.Equal(CommandLine.Mismatch, result.ExitCode);
        Assert.StartsWith("layerskip: note: 2 of 2 cells are from ", result.Error, StringComparison.Ordinal);
        Assert.Contains("tokens differ: 1 answer", result.Output, StringComparison.Ordinal);
        Assert.Contains("no: 1 differ", File.ReadAllText(Path.Combine(_folder, "grid.html")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("a,b\n1,2\n", "line 1: is not the header of a sweep")]
    [InlineData("HEADER\nROW,9\n", "line 2: has 28 fields, expected 27")]
    [InlineData("HEADER\nROW\nROW\n", "line 3: fixed, exit layer 1, with 2 speculations is there twice")]
    [InlineData("HEADER\nROW\nSPEED\n", "line 3: speedup is 'fast', expected a number")]
    [InlineData("HEADER\nIDENTICAL\n", "line 2: identical is '4', expected an integer from 0 to 3")]
    [InlineData("HEADER\nROW\nNAMED\n", "line 3: controller is 'fsm', expected fixed or auto")]
    [InlineData("HEADER\nDEEP\n", "line 2: exit_layer is '4', expected an integer from 1 to 3")]
    [InlineData("HEADER\nNOWHERE\n", "line 2: exit_layer is '', expected an integer from 1 to 3")]
    [InlineData("HEADER\nCHOSEN\n", "line 2: exit_layer is '1', expected nothing: the controller is auto")]
    [InlineData("HEADER\nSURE\n", "line 2: acceptance_rate is '1.5', expected a number from 0 to 1")]
    [InlineData("HEADER\nFAST\n", "line 2: speedup is '9999', expected a number from speedup_min, '")]
    public void Damaged_file_names_the_line_and_stays(string content, string names)
    {
        Tool.RunJson(Arguments("--exit-layer", "1", "--num-speculations", "2"));
        var lines = File.ReadAllLines(Csv);
        var row = lines[2];
        var fields = row.Split(',');
        content = content.Replace("HEADER", lines[0], StringComparison.Ordinal)
            .Replace("SPEED", string.Join(',', [.. fields[..^11], "fast", .. fields[^10..]]), StringComparison.Ordinal)
            .Replace("IDENTICAL", row[..^1] + "4", StringComparison.Ordinal)
            .Replace("ROW", row, StringComparison.Ordinal)
            .Replace("NAMED", With("controller", "fsm"), StringComparison.Ordinal)
            .Replace("DEEP", With("exit_layer", "4"), StringComparison.Ordinal)
            .Replace("NOWHERE", With("exit_layer", ""), StringComparison.Ordinal)
            .Replace("CHOSEN", With("controller", "auto"), StringComparison.Ordinal)
            .Replace("SURE", With("acceptance_rate", "1.5"), StringComparison.Ordinal)
            .Replace("FAST", With("speedup", "9999"), StringComparison.Ordinal);
        File.WriteAllText(Csv, content);

        AssertRefused(names, Arguments());
        Assert.Equal(content, File.ReadAllText(Csv));

        // From the end: the device's name has a comma.
        string With(string column, string value)
        {
            string[] header = lines[0].Split(','), changed = [.. fields];
            changed[^(header.Length - Array.IndexOf(header, column))] = value;
            return string.Join(',', changed);
        }
    }

    [Theory]
    [InlineData("--exit-layer 4", "--exit-layer is 4, expected 1..3: the model has 4 layers, all of which draft by a copy in coarse --draft-weights alone")]
    [InlineData("--exit-layer 5 --draft-weights int8", "--exit-layer is 5, expected 1..4")]
    [InlineData("--exit-layer 3..2", "--exit-layer is '3..2'")]
    [InlineData("--exit-layer 1..", "--exit-layer is '1..'")]
    [InlineData("--exit-layer 1..2000000000", "--exit-layer is '1..2000000000'")]
    [InlineData("--num-speculations 1..65", "integers from 1 to 64")]
    [InlineData("--data none.tsv", "none.tsv")]
    [InlineData("--html OUT", "expected two files")]
    public void Bad_options_are_one_line(string options, string names) =>
        AssertRefused(names, [.. Arguments(), .. options.Replace("OUT", Csv, StringComparison.Ordinal).Split(' ')]);

    private static (int, int) Key(JsonElement cell) => (cell.GetProperty("exit_layer").GetInt32(), cell.GetProperty("num_speculations").GetInt32());

    private static void AssertRefused(string names, string[] arguments) => Assert.Contains(names, Tool.RunBad(arguments), StringComparison.Ordinal);

    private string[] Arguments(params string[] options)
    {
        string[] defaults = ["--max-tokens", "6", "--runs", "1", "--threads", "2"];
        var kept = defaults.Chunk(2).Where(pair => !options.Contains(pair[0])).SelectMany(pair => pair);
        return ["sweep", "--model", _checkpoint.Directory, "--data", _prompts, "--output", Csv, .. kept, .. options];
    }
}
