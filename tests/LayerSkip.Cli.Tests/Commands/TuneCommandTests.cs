using System.Text.Json;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using LayerSkip.Cli.Measurement;
using LayerSkip.Cli.Reports;
using LayerSkip.Cli.Tuning;
using LayerSkip.Engine;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Tests;

namespace LayerSkip.Cli.Tests.Commands;

public sealed class TuneCommandTests : IDisposable
{
    private const string Settings = """{ "z": 1.50, "eos_token_id": [2303], "layerskip": { "note": "é<", "num_speculations": 5, "draft_vocabulary": [1, 2] }, "a": null }""";

    private readonly TinyCheckpoint _checkpoint = TokenizedCheckpoint.Write();

    private string File => _checkpoint.PathOf("generation_config.json");

    public void Dispose() => _checkpoint.Dispose();

    [Fact]
    public void Tuning_predicts_confirms_and_writes_what_won()
    {
        System.IO.File.WriteAllText(File, Settings);
        var report = Tool.RunJson(Arguments("--candidates", "2"));

        Assert.Equal(File, report.GetProperty("written").GetString());
        Assert.Equal(12, report.GetProperty("prompts").GetInt32());
        Assert.Equal(0, report.GetProperty("mismatches").GetInt32());
        var exits = report.GetProperty("exits").EnumerateArray().ToArray();
        Assert.Equal([1, 2, 3, 4], exits.Select(exit => exit.GetProperty("exit_layer").GetInt32()));
        Assert.All(exits, exit => Assert.InRange(exit.GetProperty("agreement").GetDouble(), 0, 1));
        Assert.Equal(3, report.GetProperty("costs").GetProperty("draft_step_ms").GetArrayLength());
        Assert.Equal(["int8", "int4"], report.GetProperty("costs").GetProperty("coarse_layer_ms").EnumerateObject().Select(cost => cost.Name));
        Assert.Equal(1, report.GetProperty("oracle").GetProperty("share").EnumerateArray().Sum(share => share.GetDouble()), 1e-9);
        var confirmed = report.GetProperty("confirmed").EnumerateArray().ToArray();
        Assert.Equal(["fixed", "fixed", "auto"], confirmed.Select(setting => setting.GetProperty("controller").GetString()));
        var speedup = report.GetProperty("speedup").GetDouble();
        Assert.Contains(confirmed, setting => setting.GetProperty("controller").GetString() == report.GetProperty("controller").GetString()
            && setting.GetProperty("measured").GetProperty("median").GetDouble() == speedup);

        var written = JsonNode.Parse(System.IO.File.ReadAllText(File))!.AsObject();
        Assert.Equal(report.GetProperty("exit_layer").GetInt32(), (int?)written["layerskip"]!["exit_layer"]);
        Assert.Equal(report.GetProperty("num_speculations").GetInt32(), (int?)written["layerskip"]!["num_speculations"]);
        Assert.Equal(report.GetProperty("controller").GetString() == "auto" ? null : "fixed", (string?)written["layerskip"]!["draft_controller"]);
        Assert.Equal(report.GetProperty("draft_weights").GetString(), (string?)written["layerskip"]!["draft_weights"] ?? "exact");
        Assert.Equal(speedup > 1, report.GetProperty("num_speculations").GetInt32() > 0);
        Assert.DoesNotContain(Directory.GetFiles(_checkpoint.Directory), file => file.EndsWith(".tmp", StringComparison.Ordinal));
    }

    [Fact]
    public void Dry_run_and_page_leave_the_checkpoint_alone()
    {
        System.IO.File.WriteAllText(File, Settings.Replace("\"num_speculations\": 5", "\"exit_layer\": 2, \"num_speculations\": 3", StringComparison.Ordinal));
        var before = System.IO.File.ReadAllText(File);
        var page = Path.Combine(Path.GetTempPath(), $"layerskip-{Guid.NewGuid():N}.html");
        try
        {
            var result = Tool.Run(Arguments("--candidates", "1", "--dry-run", "--html", page));

            Assert.Equal((CommandLine.Success, ""), (result.ExitCode, result.Error));
            Assert.Contains("nothing written (declared before: draft_controller none, exit_layer 2, num_speculations 3, draft_weights none)", result.Output, StringComparison.Ordinal);
            Assert.Equal(before, System.IO.File.ReadAllText(File));
            var html = XDocument.Parse(System.IO.File.ReadAllText(page).Replace("<!DOCTYPE html>", "", StringComparison.Ordinal));
            Assert.Equal(4, html.Descendants("svg").Count());
        }
        finally
        {
            System.IO.File.Delete(page);
        }
    }

    [Fact]
    public void Other_fields_stay_in_their_order()
    {
        System.IO.File.WriteAllText(File, Settings);

        CheckpointDefaults.Write(_checkpoint.Directory, Tuned(3, 7, DraftController.Auto));

        var text = System.IO.File.ReadAllText(File);
        Assert.Contains("1.50", text, StringComparison.Ordinal);
        Assert.Contains("é<", text, StringComparison.Ordinal);
        var root = JsonNode.Parse(text)!.AsObject();
        Assert.Equal(["z", "eos_token_id", "layerskip", "a"], root.Select(field => field.Key));
        Assert.Equal(["note", "num_speculations", "draft_vocabulary", "exit_layer", "draft_controller"], root["layerskip"]!.AsObject().Select(field => field.Key));
        Assert.Equal((3, 7), ((int)root["layerskip"]!["exit_layer"]!, (int)root["layerskip"]!["num_speculations"]!));
        Assert.Null(root["a"]);

        // And again the same, byte for byte.
        CheckpointDefaults.Write(_checkpoint.Directory, Tuned(3, 7, DraftController.Auto));
        Assert.Equal(text, System.IO.File.ReadAllText(File));
    }

    [Fact]
    public void Fixed_drafts_come_from_the_exit_that_was_measured()
    {
        System.IO.File.WriteAllText(File, """{"layerskip": {"draft_source": "lookup"}}""");

        using (var model = LayerSkipModel.Load(_checkpoint.Directory))
        {
            CheckpointDefaults.Write(_checkpoint.Directory, Result(1.2, 1.2).DefaultsOf(model));
            Assert.Equal("lookup", (string?)JsonNode.Parse(System.IO.File.ReadAllText(File))!["layerskip"]!["draft_source"]);
            CheckpointDefaults.Write(_checkpoint.Directory, Result(1.2, 1.1).DefaultsOf(model));
        }

        using var tuned = LayerSkipModel.Load(_checkpoint.Directory);
        Assert.Equal(DraftSource.Exit, tuned.Defaults.DraftSource);
        Assert.Equal(DraftSource.Exit, DraftSetting.Fixed(2, 4).Options().DraftSource);
    }

    [Fact]
    public void Weights_that_were_measured_are_declared_and_exact_ones_are_not()
    {
        using (var model = LayerSkipModel.Load(_checkpoint.Directory))
        {
            CheckpointDefaults.Write(_checkpoint.Directory, Result(1.2, 1.2, weights: DraftWeights.Int4).DefaultsOf(model));
        }

        using var tuned = LayerSkipModel.Load(_checkpoint.Directory);
        Assert.Equal(DraftWeights.Int4, tuned.Defaults.DraftWeights);
        CheckpointDefaults.Write(_checkpoint.Directory, Result(1.2, 1.2).DefaultsOf(tuned));
        Assert.Null(JsonNode.Parse(System.IO.File.ReadAllText(File))!["layerskip"]!["draft_weights"]);

        // Where there are none to choose among, what is declared is left to devices that have others.
        var result = Result(1.2, 1.2);
        Assert.Equal(DraftWeights.Int4, (result with { Costs = result.Costs with { CoarseLayer = new Dictionary<DraftWeights, double>() } }).DefaultsOf(tuned).DraftWeights);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("{}")]
    [InlineData("""{"layerskip": null}""")]
    public void Section_is_made_where_there_is_none(string? before)
    {
        System.IO.File.Delete(File);
        if (before is not null)
        {
            System.IO.File.WriteAllText(File, before);
        }

        CheckpointDefaults.Write(_checkpoint.Directory, Tuned(2, 4, DraftController.Fixed));

        using var model = LayerSkipModel.Load(_checkpoint.Directory);
        Assert.Equal((2, 4, DraftController.Fixed), (model.Defaults.ExitLayer, model.Defaults.NumSpeculations, model.Defaults.DraftController));
    }

    [Fact]
    public void A_file_that_is_made_names_the_tokens_that_the_configuration_does()
    {
        _checkpoint.Edit("config.json", json =>
        {
            json["bos_token_id"] = 5;
            json["eos_token_id"] = new JsonArray(6, 7);
            json["pad_token_id"] = 8;
        });
        System.IO.File.Delete(File);
        using (var model = LayerSkipModel.Load(_checkpoint.Directory))
        {
            CheckpointDefaults.Write(_checkpoint.Directory, Result(1.2, 1.2).DefaultsOf(model));
        }

        Assert.Equal(
            """{"bos_token_id":5,"eos_token_id":[6,7],"pad_token_id":8,"layerskip":{"exit_layer":1,"num_speculations":2}}""",
            JsonNode.Parse(System.IO.File.ReadAllText(File))!.ToJsonString());
    }

    [Fact]
    public void Auto_is_measured_as_it_will_be_declared()
    {
        System.IO.File.WriteAllText(File, """{"layerskip": {"exit_layer": 1, "num_speculations": 3}}""");
        using var model = LayerSkipModel.Load(_checkpoint.Directory, new ModelOptions { Threads = 1 });
        var result = new Tuner(model, new TuneSettings([[1, 2, 3]], 6, 2, 1, 0.1)).Run(new Progress<double>(), CancellationToken.None);
        Assert.Equal(result.Confirmed[0].Setting, result.Confirmed[^1].Setting.Declared);

        var declared = (DraftSetting.Auto with { Declared = DraftSetting.Fixed(3, 20) }).Defaults(model.Defaults);
        Assert.Equal((3, 20), (declared.ExitLayer, declared.NumSpeculations));
        Assert.Equal((1, 3), (DraftSetting.Auto.Defaults(model.Defaults).ExitLayer, DraftSetting.Auto.Defaults(model.Defaults).NumSpeculations));
        var pair = new ModePair(model, new DecodingOptions { DraftController = DraftController.Fixed }, 6, ignoreEndOfSequence: true, declared);
        Assert.Equal(3, pair.Run([[1, 2, 3]], run: 0, new AllocationMeter(), CancellationToken.None).Speculative.MeanExitLayer);

        // What is written is what auto began with, not what was fastest of the fixed ones.
        var measured = Result(1.2, 1.2);
        var faster = measured.Confirmed[0] with { Setting = DraftSetting.Fixed(3, 4), Measured = measured.Confirmed[0].Measured with { Speedup = new Spread(1.21, 1.21, 1.21) } };
        var defaults = (measured with { Confirmed = [measured.Confirmed[0], faster, measured.Confirmed[1]] }).DefaultsOf(model);
        Assert.Equal((1, 2), (defaults.ExitLayer, defaults.NumSpeculations));
    }

    [Theory]
    [InlineData("auto")]
    [InlineData("confidence")]
    public void A_controller_that_the_device_takes_by_itself_is_not_declared(string before)
    {
        _checkpoint.Edit("generation_config.json", json => json["layerskip"] = new JsonObject { ["draft_controller"] = before });
        using var model = LayerSkipModel.Load(_checkpoint.Directory);

        Assert.Equal(DraftController.Fixed, Result(1.2, 1.1).DefaultsOf(model).DraftController);
        var auto = Result(1.2, 1.2).DefaultsOf(model);
        Assert.Null(auto.DraftController);
        CheckpointDefaults.Write(_checkpoint.Directory, auto);
        Assert.Equal("""{"layerskip":{"exit_layer":1,"num_speculations":2}}""", JsonNode.Parse(System.IO.File.ReadAllText(File))!.ToJsonString());
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("""{"a": 1, "a": 2}""")]
    public void What_is_no_settings_file_is_not_overwritten(string before)
    {
        System.IO.File.WriteAllText(File, before);

        Assert.Throws<CheckpointException>(() => CheckpointDefaults.Write(_checkpoint.Directory, Tuned(2, 4, DraftController.Fixed)));
        Assert.Equal(before, System.IO.File.ReadAllText(File));
    }

    [Fact]
    public void Where_nothing_pays_no_speculations_are_written_and_decoding_is_autoregressive()
    {
        using (var model = LayerSkipModel.Load(_checkpoint.Directory))
        {
            TuneReport Report(double measured, double auto) => TuneReports.Create(model, new TuneSettings([[1]], 4, 1, 1, 1), Result(measured, auto));
            var report = Report(0.97, 0.9);
            Assert.Equal((0.97, 1, 0), (report.Speedup, report.ExitLayer, report.NumSpeculations));
            Assert.Contains("nothing beats autoregressive decoding", TuneTables.Outcome(report), StringComparison.Ordinal);

            // The controller that chooses wins unless a fixed setting is clearly faster; the fixed one is where it begins.
            Assert.Equal(("fixed", 2, 1.2), (Report(1.2, 1.1).Controller, Report(1.2, 1.1).NumSpeculations, Report(1.2, 1.1).Speedup));
            Assert.Equal(("auto", 2, 1.18), (Report(1.2, 1.18).Controller, Report(1.2, 1.18).NumSpeculations, Report(1.2, 1.18).Speedup));
        }

        CheckpointDefaults.Write(_checkpoint.Directory, Tuned(1, 0, DraftController.Auto));

        using var tuned = LayerSkipModel.Load(_checkpoint.Directory);
        using var silent = tuned.Generate([1, 2, 3], new DecodingOptions { MaxNewTokens = 4 });
        Assert.Equal((DecodingMode.Autoregressive, 0), (silent.Mode, silent.NumSpeculations));
        using var asked = tuned.Generate([1, 2, 3], new DecodingOptions { MaxNewTokens = 4, Mode = DecodingMode.SelfSpeculative });
        Assert.Equal((DecodingMode.SelfSpeculative, 1), (asked.Mode, asked.ExitLayer));
        Assert.True(asked.NumSpeculations > 0);
    }

    [Fact]
    public void Directory_that_cannot_be_written_to_is_refused_first()
    {
        const string Unwritable = "/proc/self";
        Assert.SkipUnless(Directory.Exists(Unwritable), "needs a directory that nobody can write to");

        // It holds no checkpoint either, which would be found later.
        Assert.Contains($"--model {Unwritable}: cannot be written to", Tool.RunBad("tune", "--model", Unwritable), StringComparison.Ordinal);
        Assert.Contains("holds no config.json", Tool.RunBad("tune", "--model", Unwritable, "--dry-run"), StringComparison.Ordinal);
    }

    [Fact]
    public void Bad_input_is_one_line()
    {
        Assert.Contains("/no/such/model", Tool.RunBad("tune", "--model", "/no/such/model"), StringComparison.Ordinal);
        Assert.Contains("no-such.tsv", Tool.RunBad(Arguments("--data", "no-such.tsv")), StringComparison.Ordinal);
        Assert.Contains("--html is 'no/such/page.html'", Tool.RunBad(Arguments("--html", "no/such/page.html")), StringComparison.Ordinal);
        Assert.Contains("is a file, expected a checkpoint's directory", Tool.RunBad("tune", "--model", _checkpoint.PathOf("config.json")), StringComparison.Ordinal);
        using var shallow = TokenizedCheckpoint.Write(TokenizedCheckpoint.Config with { Layers = 1 });
        Assert.Contains("has one layer", Tool.RunBad("tune", "--model", shallow.Directory), StringComparison.Ordinal);
    }

    [Fact]
    public void Settings_that_the_runs_do_not_tell_apart_are_counted()
    {
        using var model = LayerSkipModel.Load(_checkpoint.Directory);
        string Outcome(double measured, double auto, double range) =>
            TuneTables.Outcome(TuneReports.Create(model, new TuneSettings([[1]], 4, 1, 1, 1), Result(measured, auto, range)));

        Assert.EndsWith(": 1.20x", Outcome(1.2, 1.1, range: 0.04), StringComparison.Ordinal);
        Assert.EndsWith(": 1.20x; 1 other setting may be as fast, as the ranges overlap: more --runs tell", Outcome(1.2, 1.1, range: 0.06), StringComparison.Ordinal);
        Assert.EndsWith(": 1.18x; 1 other setting may be as fast, as the ranges overlap: more --runs tell", Outcome(1.2, 1.18, range: 0), StringComparison.Ordinal);
    }

    private static TuneResult Result(double measured, double auto, double range = 0, DraftWeights weights = DraftWeights.Exact)
    {
        var @fixed = DraftSetting.Fixed(1, 2) with { Weights = weights };
        var answer = new ShadowedAnswer(1, [1, 2], [[1, 2], [1, 2], [1, 2]]);
        var costs = new MeasuredCosts { Layers = 4, PlainStep = 5, DraftSteps = [1, 2, 3], DraftHead = 0, Layer = [(1, 1)], Head = [(1, 1)], CoarseLayer = new Dictionary<DraftWeights, double> { [DraftWeights.Int4] = 1 } };
        var costModel = new CostModel(costs, [answer], [], 4);
        var prediction = costModel.Predict(1, 2);
        TunedSetting Setting(DraftSetting setting, Prediction? predicted, double speedup) => new(setting, predicted, new SpeedCellReport
        {
            Controller = setting.ControllerName,
            ExitLayer = setting.ExitLayer,
            NumSpeculations = setting.NumSpeculations,
            Speedup = new Spread(speedup, speedup - range, speedup + range),
            AutoregressiveMs = 1,
            SelfSpeculativeMs = 1,
            AutoregressiveMeanMs = 1,
            SelfSpeculativeMeanMs = 1,
            MeanExitLayer = 1,
            TokensPerRound = 1,
            AcceptanceRate = 1,
            Identical = 1,
        });
        return new TuneResult(
            [answer], costs, costModel, [prediction], [Setting(@fixed, prediction, measured), Setting(DraftSetting.Auto with { Declared = @fixed, Weights = weights }, null, auto)], 1);
    }

    private static GenerationDefaults Tuned(int exitLayer, int numSpeculations, DraftController controller) =>
        new() { ExitLayer = exitLayer, NumSpeculations = numSpeculations, DraftController = controller };

    private string[] Arguments(params string[] options) =>
        ["tune", "--model", _checkpoint.Directory, "--max-tokens", "6", "--runs", "1", "--threads", "1", "--seconds", "1", .. options];
}
