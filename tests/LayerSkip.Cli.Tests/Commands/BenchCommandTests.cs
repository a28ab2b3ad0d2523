using System.Text.Json;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using LayerSkip.Cli.Measurement;
using LayerSkip.Cli.Reports;

namespace LayerSkip.Cli.Tests.Commands;

public class BenchCommandTests
{
    private const string Tiny = "layers=2,hidden=64,ffn=96,heads=4,kv=2,vocab=128,context=256";

    [Theory]
    [InlineData("f32")]
    [InlineData("bf16")]
    public void Synthetic_model_gives_sane_numbers(string format)
    {
        var report = Tool.RunJson(
            "bench", "--synthetic", Tiny, "--dtype", format, "--runs", "1", "--max-tokens", "16", "--prompt-tokens", "32", "--threads", "1");

        Assert.Equal(format, report.GetProperty("weight_format").GetString());
        Assert.True(report.GetProperty("identical").GetBoolean());
        AssertSane(report);
        Assert.True(report.GetProperty("speedup_decode").GetDouble() > 0);
        Assert.Equal(1, report.GetProperty("exit_layer").GetInt32());
        Assert.Equal(4, report.GetProperty("num_speculations").GetInt32());
        Assert.Equal(32, report.GetProperty("prefill_tokens").GetInt32());
        var elements = (2 * ((64 * (64 + 32 + 32 + 64)) + (3 * 64 * 96))) + (128 * 64);
        Assert.Equal(elements * (format == "f32" ? 4 : 2), report.GetProperty("weight_bytes_per_token").GetInt64());
        Assert.Equal(JsonValueKind.Null, report.GetProperty("growth").ValueKind);
        Assert.Empty(report.GetProperty("requests").EnumerateArray());
        Assert.Equal(JsonValueKind.Null, report.GetProperty("start_up").ValueKind);
        Assert.Contains(report.GetProperty("notes").EnumerateArray(), note => note.GetString()!.Contains("random weights", StringComparison.Ordinal));
    }

    [Fact]
    public void All_layers_draft_by_coarse_weights_where_no_exit_is_known()
    {
        var report = Tool.RunJson("bench", "--synthetic", Tiny, "--dtype", "f32", "--draft-weights", "int8", "--runs", "1", "--max-tokens", "16", "--prompt-tokens", "32");

        Assert.True(report.GetProperty("identical").GetBoolean());
        Assert.Equal((2, "int8"), (report.GetProperty("exit_layer").GetInt32(), report.GetProperty("draft_weights").GetString()));
        Assert.Equal(2, report.GetProperty("mean_exit_layer").GetDouble());

        // Nine bits for 32 of the layers', in panels and blocks that are filled up.
        Assert.InRange(report.GetProperty("draft_weight_bytes").GetInt64(), 2 * ((64 * (64 + 32 + 32 + 64)) + (3 * 64 * 96)) * 9 / 8, report.GetProperty("weight_bytes_per_token").GetInt64() / 2);
        Assert.Contains(report.GetProperty("notes").EnumerateArray(), note => note.GetString()!.Contains("as close together as can be", StringComparison.Ordinal));

        // Weights of no more bits have no copy.
        var none = Tool.Run("bench", "--synthetic", Tiny, "--dtype", "int8", "--draft-weights", "int8", "--runs", "1", "--max-tokens", "16", "--prompt-tokens", "32", "--json");
        Assert.Contains("--draft-weights has no effect", none.Error, StringComparison.Ordinal);
        var exact = JsonDocument.Parse(none.Output).RootElement;
        Assert.Equal(("exact", 0), (exact.GetProperty("draft_weights").GetString(), exact.GetProperty("draft_weight_bytes").GetInt64()));
    }

    [Fact]
    public void Checkpoint_is_measured_on_the_prompts_given()
    {
        var file = Path.Combine(Path.GetTempPath(), $"layerskip-{Guid.NewGuid():N}.jsonl");
        try
        {
            File.WriteAllText(file, "{\"prompt\": \"Turn off alarms\"}\n{\"prompt\": \"remind me to call mom at 5 pm\"}\n");

            var report = Tool.RunJson("bench", "--model", Tool.Parser, "--prompts", file, "--chat", "--runs", "2", "--exit-layer", "2");

            Assert.True(report.GetProperty("identical").GetBoolean());
            AssertSane(report);
            Assert.Equal(2, report.GetProperty("prompts").GetInt32());
            Assert.Equal(2, report.GetProperty("exit_layer").GetInt32());
            Assert.InRange(report.GetProperty("acceptance_rate").GetDouble(), 0.1, 1);
            var startUp = report.GetProperty("start_up");
            Assert.True(startUp.GetProperty("ms").GetDouble() > 0);
            Assert.True(startUp.GetProperty("peak_bytes").GetInt64() > startUp.GetProperty("tensor_bytes").GetInt64());
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void Answers_of_one_round_have_no_decode_rate_and_a_note_says_so()
    {
        var file = Path.Combine(Path.GetTempPath(), $"layerskip-{Guid.NewGuid():N}.txt");
        try
        {
            // Three tokens, which the second layer drafts right.
            File.WriteAllText(file, "Turn off alarms\n");
            string[] bench = ["bench", "--model", Tool.Parser, "--prompts", file, "--chat", "--runs", "2", "--exit-layer", "2", "--num-speculations", "4"];

            var report = Tool.RunJson(bench);
            Assert.True(report.GetProperty("decode_tokens_per_second").GetDouble() > 0);
            Assert.Equal(JsonValueKind.Null, report.GetProperty("self_speculative_decode_tokens_per_second").ValueKind);
            Assert.Equal(JsonValueKind.Null, report.GetProperty("speedup_decode").ValueKind);
            Assert.Equal(0, report.GetProperty("decode_runs").GetInt32());

            var table = Tool.Run(bench).Output;
            Assert.Matches("decode, self-speculative, tokens/s +not measured", table);
            Assert.Contains("note: the answers were too short to measure decoding alone: each came in one round", table, StringComparison.Ordinal);
            Assert.DoesNotMatch(" (\r|\n)", table);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void Options_without_effect_are_noted()
    {
        var result = Tool.Run("bench", "--synthetic", Tiny, "--runs", "1", "--max-tokens", "4", "--prompt-tokens", "8", "--rows-context", "8", "--draft-threshold", "0.5");

        Assert.Equal(CommandLine.Success, result.ExitCode);
        Assert.Contains("note: --rows-context has no effect: it is of --rows", result.Error, StringComparison.Ordinal);
        Assert.Contains("note: --draft-threshold has no effect: the controller is fixed", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void An_exit_that_guesses_right_is_drafted_by()
    {
        var report = Tool.RunJson(
            "bench", "--synthetic", "layers=6,hidden=64,ffn=96,heads=4,vocab=128,exit=2", "--runs", "1", "--max-tokens", "40", "--prompt-tokens", "8", "--num-speculations", "4", "--threads", "1");

        Assert.Equal(2, report.GetProperty("exit_layer").GetInt32());
        Assert.InRange(report.GetProperty("acceptance_rate").GetDouble(), 0.9, 1);
        Assert.True(report.GetProperty("identical").GetBoolean());
        Assert.Contains(report.GetProperty("notes").EnumerateArray(), note => note.GetString()!.Contains("exit 2 guesses", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("fixed", 4)]
    [InlineData("confidence", 16)]
    public void A_controller_that_needs_an_exit_drafts_from_a_third_where_none_is_known(string controller, int longest)
    {
        string[] options = ["--controller", controller, "--runs", "1", "--max-tokens", "4", "--prompt-tokens", "8", "--threads", "1"];
        var synthetic = Tool.RunJson(["bench", "--synthetic", "layers=6,hidden=64,ffn=96,heads=4,vocab=128", .. options]);
        Assert.Equal((controller, 2, longest), (synthetic.GetProperty("controller").GetString(), synthetic.GetProperty("exit_layer").GetInt32(), synthetic.GetProperty("num_speculations").GetInt32()));

        using var checkpoint = TokenizedCheckpoint.Write(TokenizedCheckpoint.Config with { Layers = 6 });
        Assert.Equal(2, Tool.RunJson(["bench", "--model", checkpoint.Directory, .. options]).GetProperty("exit_layer").GetInt32());

        // One that is declared stays, and so does the checkpoint's own controller.
        checkpoint.Edit("generation_config.json", json => json["layerskip"] = new JsonObject { ["exit_layer"] = 4, ["draft_controller"] = controller });
        var declared = Tool.RunJson(["bench", "--model", checkpoint.Directory, .. options[2..]]);
        Assert.Equal((controller, 4), (declared.GetProperty("controller").GetString(), declared.GetProperty("exit_layer").GetInt32()));
    }

    [Fact]
    public void Tokens_that_differ_are_told_of_requests_at_once_too()
    {
        var report = JsonSerializer.Deserialize(
            Tool.RunJson("bench", "--synthetic", Tiny, "--runs", "1", "--max-tokens", "4", "--prompt-tokens", "8", "--requests", "1,2", "--threads", "1"), ReportJson.Instance.BenchReport)!;
        Assert.True(report.AreIdentical());
        Assert.False((report with { Identical = false }).AreIdentical());
        var requests = report.Requests[1];
        Assert.False((report with { Requests = [requests with { SelfSpeculative = requests.SelfSpeculative with { Identical = false } }] }).AreIdentical());
        Assert.False((report with { Requests = [requests with { Autoregressive = requests.Autoregressive with { Identical = false } }] }).AreIdentical());
    }

    [Fact]
    public void Memory_that_a_synthetic_model_needs_is_counted_in_the_format_asked_for()
    {
        const string Huge = "layers=1024,hidden=65536,ffn=1048576,heads=64,vocab=4194304";
        string Refusal(params string[] options) => Tool.RunBad(["bench", "--synthetic", Huge, "--device", "cpu", .. options]);
        var config = SyntheticShape.Parse(Huge).Config;
        var weights = ModelSize.Matrices(config);
        Assert.Contains($"take at least {Quantity.Bytes((4 * weights) + (4 * ModelSize.Vectors(config)))} in f32", Refusal("--dtype", "f32", "--compression", "never"), StringComparison.Ordinal);
        Assert.Contains($"take at least {Quantity.Bytes((2 * weights) + (4 * ModelSize.Vectors(config)))} in bf16", Refusal("--compression", "never"), StringComparison.Ordinal);
        Assert.Contains("in int4, the machine has", Refusal("--dtype", "int4"), StringComparison.Ordinal);
        Assert.DoesNotContain(Refusal("--dtype", "int4").Split(" in int4")[0], Refusal("--dtype", "bf16"), StringComparison.Ordinal);
    }

    [Fact]
    public void Growth_is_measured_at_the_contexts_and_rows_asked_for()
    {
        var report = Tool.RunJson(
            "bench", "--synthetic", Tiny, "--runs", "1", "--max-tokens", "4", "--prompt-tokens", "8", "--context-lengths", "16,100,256", "--rows", "1..3,8", "--rows-context", "200", "--threads", "1");

        var growth = report.GetProperty("growth");
        Assert.Equal([16, 100, 256], growth.GetProperty("contexts").EnumerateArray().Select(step => step.GetProperty("context").GetInt32()));
        Assert.Equal([1, 2, 3, 8], growth.GetProperty("rows").EnumerateArray().Select(pass => pass.GetProperty("rows").GetInt32()));
        Assert.Equal(200, growth.GetProperty("rows_context").GetInt32());
        Assert.Equal(1, growth.GetProperty("rows")[0].GetProperty("relative").GetDouble());
        Assert.All(growth.GetProperty("contexts").EnumerateArray(), step => Assert.True(step.GetProperty("ms").GetProperty("min").GetDouble() > 0));
    }

    [Fact]
    public void Requests_at_once_are_measured_and_answered_as_they_are_alone()
    {
        var report = Tool.RunJson(
            "bench", "--synthetic", Tiny, "--runs", "2", "--max-tokens", "12", "--prompt-tokens", "8", "--requests", "3,1,7", "--threads", "1");

        AssertThroughput(report, 1, 3, 7);
    }

    [Fact]
    public void Requests_at_once_take_the_prompts_in_turn()
    {
        var file = Path.Combine(Path.GetTempPath(), $"layerskip-{Guid.NewGuid():N}.txt");
        try
        {
            File.WriteAllText(file, "Turn off alarms\nremind me to call mom at 5 pm\n");
            string[] bench = ["bench", "--model", Tool.Parser, "--prompts", file, "--chat", "--runs", "1", "--requests", "2,5"];

            AssertThroughput(Tool.RunJson(bench), 2, 5);
            var table = Tool.Run(bench).Output;
            Assert.Matches(@" 2 +autoregressive +[0-9.]+ +[0-9.]+ - [0-9.]+ +1\.00 +yes", table);
            Assert.Matches(@" 5 +self-speculative +[0-9.]+ +[0-9.]+ - [0-9.]+ +[0-9.]+ +yes", table);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void Page_has_a_picture_for_all_that_was_measured()
    {
        var file = Path.Combine(Path.GetTempPath(), $"layerskip-{Guid.NewGuid():N}.html");
        try
        {
            string[] bench = ["bench", "--synthetic", Tiny, "--runs", "2", "--max-tokens", "4", "--prompt-tokens", "8", "--html", file];
            Assert.Equal(0, Tool.Run(bench).ExitCode);
            Assert.Equal(["requests", "tokens", "accepted"], Pictures(file));

            Assert.Equal(0, Tool.Run([.. bench, "--context-lengths", "8,64", "--rows", "1,2", "--requests", "1,2"]).ExitCode);
            Assert.Equal(["requests", "tokens", "accepted", "contexts", "rows", "throughput"], Pictures(file));
            Assert.Matches("<td class=\"number\">2</td><td class=\"number\">autoregressive</td>(<td class=\"number\">[-0-9. ]+</td>){3}<td class=\"number\">yes</td>", File.ReadAllText(file));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void Table_is_plain_text_and_says_whether_outputs_are_identical()
    {
        var result = Tool.Run("bench", "--synthetic", Tiny, "--runs", "1", "--max-tokens", "4", "--prompt-tokens", "8");

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.DoesNotContain('\u001b', result.Output);
        Assert.Matches("outputs identical +yes", result.Output);
        Assert.Contains("end to end (prefill included)", result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("layers=2", "hidden is missing")]
    [InlineData("layers=2,hidden=64,ffn=96,heads=4,vocab=128,depth=3", "'depth=3'")]
    [InlineData("layers=2,hidden=64,ffn=96,heads=4,vocab", "'vocab'")]
    [InlineData("layers=2,layers=3,hidden=64,ffn=96,heads=4,vocab=128", "layers is given twice")]
    [InlineData("layers=1,hidden=64,ffn=96,heads=4,vocab=128", "layers=1")]
    [InlineData("layers=2,hidden=64,ffn=96,heads=4,vocab=128,exit=2", "exit=2 with layers=2")]
    [InlineData("layers=2,hidden=64,ffn=96,heads=4,vocab=128,exit=0", "exit=0")]
    [InlineData("layers=2,hidden=-64,ffn=96,heads=4,vocab=128", "hidden=-64")]
    [InlineData("layers=2,hidden=66,ffn=96,heads=4,vocab=128", "hidden=66 with heads=4")]
    [InlineData("layers=2,hidden=64,ffn=96,heads=4,kv=3,vocab=128", "heads=4 with kv=3")]
    public void Bad_shape_is_one_line(string shape, string names)
    {
        var error = Tool.RunBad("bench", "--synthetic", shape);

        Assert.Contains("--synthetic", error, StringComparison.Ordinal);
        Assert.Contains(names, error, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_that_do_not_fit_the_model_are_one_line()
    {
        Assert.Contains("--prompt-tokens is 256", Tool.RunBad("bench", "--synthetic", Tiny, "--prompt-tokens", "256"), StringComparison.Ordinal);
        Assert.Contains("--exit-layer is 2", Tool.RunBad("bench", "--synthetic", Tiny, "--exit-layer", "2"), StringComparison.Ordinal);
        Assert.Contains("--context-lengths goes up to 257, expected at most 256", Tool.RunBad("bench", "--synthetic", Tiny, "--context-lengths", "16,257"), StringComparison.Ordinal);
        Assert.Contains("--context-lengths has 65 values", Tool.RunBad("bench", "--synthetic", Tiny, "--context-lengths", "1..65"), StringComparison.Ordinal);
        Assert.Contains("--rows is '0'", Tool.RunBad("bench", "--synthetic", Tiny, "--rows", "0"), StringComparison.Ordinal);
        Assert.Contains("--requests is '0'", Tool.RunBad("bench", "--synthetic", Tiny, "--requests", "0"), StringComparison.Ordinal);
        Assert.Contains("--requests is '65', expected integers from 1 to 64", Tool.RunBad("bench", "--synthetic", Tiny, "--requests", "65"), StringComparison.Ordinal);
        Assert.Contains(
            "--requests goes up to 64, whose KV caches may take",
            Tool.RunBad("bench", "--synthetic", "layers=8,hidden=512,ffn=32,heads=8,vocab=32,context=1048576", "--max-tokens", "1000000", "--requests", "1,64"),
            StringComparison.Ordinal);
        Assert.Contains("--html is 'no/such/page.html'", Tool.RunBad("bench", "--synthetic", Tiny, "--html", "no/such/page.html"), StringComparison.Ordinal);
        Assert.Contains("no-such.jsonl", Tool.RunBad("bench", "--model", Tool.Parser, "--prompts", "no-such.jsonl"), StringComparison.Ordinal);
    }

    private static string[] Pictures(string file) =>
        [.. XDocument.Parse(File.ReadAllText(file).Replace("<!DOCTYPE html>", "", StringComparison.Ordinal)).Descendants("svg")
            .Select(svg => svg.Attribute("aria-labelledby")!.Value.Split("-title")[0])];

    private static void AssertThroughput(JsonElement report, params int[] requests)
    {
        var measured = report.GetProperty("requests").EnumerateArray().ToArray();
        Assert.Equal(requests, measured.Select(cell => cell.GetProperty("requests").GetInt32()));
        foreach (var mode in (string[])["autoregressive", "self_speculative"])
        {
            Assert.Equal(1, measured[0].GetProperty(mode).GetProperty("relative").GetDouble());
            foreach (var cell in measured.Select(cell => cell.GetProperty(mode)))
            {
                Assert.True(cell.GetProperty("identical").GetBoolean(), mode);
                Assert.True(cell.GetProperty("relative").GetDouble() > 0, mode);
                var rate = cell.GetProperty("tokens_per_second");
                Assert.True(rate.GetProperty("min").GetDouble() > 0, mode);
                Assert.InRange(rate.GetProperty("median").GetDouble(), rate.GetProperty("min").GetDouble(), rate.GetProperty("max").GetDouble());
            }
        }
    }

    private static void AssertSane(JsonElement report)
    {
        foreach (var mode in (string[])["autoregressive", "self_speculative"])
        {
            var latency = report.GetProperty("latency").GetProperty(mode);
            foreach (var what in (string[])["first_token_ms", "request_ms"])
            {
                var (p50, p90, p99) = (latency.GetProperty(what).GetProperty("p50").GetDouble(), latency.GetProperty(what).GetProperty("p90").GetDouble(), latency.GetProperty(what).GetProperty("p99").GetDouble());
                Assert.True(0 < p50 && p50 <= p90 && p90 <= p99, what);
            }
        }

        // A drafted token is accepted in some round; tokens beside those are the full model's own, one a round at most.
        var rounds = report.GetProperty("accepted_per_round").EnumerateArray().Select(count => count.GetInt32()).ToArray();
        var tokens = report.GetProperty("tokens_per_round").GetDouble() * rounds.Sum();
        Assert.InRange(tokens - rounds.Index().Sum(entry => (double)entry.Index * entry.Item), 0, rounds.Sum() + 1e-9);
        Assert.Equal(report.GetProperty("exit_layer").GetInt32(), report.GetProperty("mean_exit_layer").GetDouble());
        foreach (var field in (string[])
            ["decode_tokens_per_second", "prefill_tokens_per_second", "bandwidth_share", "fma_share", "speedup", "bandwidth_bytes_per_second", "fma_flops_per_second"])
        {
            Assert.True(report.GetProperty(field).GetDouble() > 0, field);
        }

        Assert.InRange(report.GetProperty("acceptance_rate").GetDouble(), 0, 1);

        // Zero once code is warm, which GenerationTests assert; this process may still be compiling what the measured thread runs.
        Assert.True(report.GetProperty("allocated_bytes_per_token").GetDouble() >= 0);
        Assert.Equal(Environment.ProcessorCount, report.GetProperty("machine").GetProperty("processors").GetInt32());
        var spread = report.GetProperty("spread").GetProperty("decode_tokens_per_second");
        Assert.InRange(spread.GetProperty("median").GetDouble(), spread.GetProperty("min").GetDouble(), spread.GetProperty("max").GetDouble());
    }
}
