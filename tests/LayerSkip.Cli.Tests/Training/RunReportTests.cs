using System.Xml.Linq;
using LayerSkip.Cli.Reports;
using LayerSkip.Cli.Training.Metrics;

namespace LayerSkip.Cli.Tests.Training;

public class RunReportTests
{
    private static readonly string[] s_pictures =
        ["loss", "evaluation-loss", "exact-match", "exact-match-by-exit", "exit-weights", "dropout", "learning-rate", "gradient-norm"];

    [Fact]
    public void Run_ends_with_a_report_and_plot_writes_it_again()
    {
        using var folder = new TrainingFolder();
        Assert.Equal(CommandLine.Success, folder.Train().ExitCode);
        var written = File.ReadAllText(folder.Of("run", "report.html"));

        var result = Tool.Run("plot", "--run", folder.Of("run"), "--output", folder.Of("again.html"));

        Assert.Equal((CommandLine.Success, "", folder.Of("again.html")), (result.ExitCode, result.Error, result.Output.TrimEnd()));
        Assert.Equal(written, File.ReadAllText(folder.Of("again.html")));
        var metrics = folder.Of("run", "metrics.jsonl");
        var before = File.ReadAllText(metrics);
        Assert.Contains(
            $"--output is '{metrics}', which --run reads, expected another file", Tool.RunBad("plot", "--run", folder.Of("run"), "--output", metrics), StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllText(metrics));
        Assert.Contains("which --run reads", Tool.RunBad("plot", "--run", folder.Of("run"), "--output", folder.Of("run", "state.safetensors")), StringComparison.Ordinal);
        Assert.Equal(CommandLine.Success, Tool.Run("plot", "--run", folder.Of("run"), "--output", folder.Of("run", "report.html")).ExitCode);
        var page = AssertPage(written);
        Assert.Equal(s_pictures, Pictures(page));
        Assert.Contains("exact match", page.Value, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void Report_of_a_run_that_has_just_begun_has_no_pictures()
    {
        var page = AssertPage(RunReport.Create(new RunHistory([Start()], [], [])));

        Assert.Empty(Pictures(page));
        Assert.Contains("No step has been made yet", page.Value, StringComparison.Ordinal);
    }

    [Fact]
    public void Epochs_do_not_count_past_their_total()
    {
        var history = new RunHistory([Start() with { Epochs = 2925.71 }], [Step(100) with { Epoch = 2958.33 }], []);

        Assert.Contains("Step 100 of 100, epoch 2958.33 of 2958.33;", RunReport.Create(history), StringComparison.Ordinal);
    }

    [Fact]
    public void Text_from_the_metrics_is_escaped()
    {
        const string Hostile = "<script>alert('x')</script>&\u0000\u001b]]>";
        var html = RunReport.Create(new RunHistory([Start() with { Model = Hostile, Start = Hostile, Machine = Hostile, Curriculum = Hostile }], [Step(1)], []));

        var page = AssertPage(html);
        Assert.Contains("<script>alert('x')</script>&", page.Value, StringComparison.Ordinal);
    }

    [Fact]
    public void Many_steps_and_exits_stay_small()
    {
        var steps = Enumerable.Range(1, 20_000).Select(step => Step(step * 10, layers: 48)).ToArray();
        var html = RunReport.Create(new RunHistory([Start() with { Layers = 48, Steps = 200_000 }], steps, []));

        AssertPage(html);
        Assert.InRange(html.Length, 10_000, 1_000_000);
    }

    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(1e300, -1e300, 1e-300)]
    [InlineData(-5, 1, 1e18)]
    public void Odd_numbers_are_drawn(double loss, double norm, double rate)
    {
        var steps = Enumerable.Range(1, 3).Select(step => Step(step) with { Loss = loss, GradientNorm = norm, LearningRate = rate, ExitLosses = new Dictionary<string, double> { ["2"] = loss, ["x"] = 1, ["99"] = 2 } });

        var html = RunReport.Create(new RunHistory([Start()], [.. steps], [new EvaluationLine(1, 0, 3, new Dictionary<string, double>(), new Dictionary<string, double>())]));

        AssertPage(html);
        Assert.DoesNotContain("NaN", html, StringComparison.Ordinal);
        Assert.DoesNotContain("∞", html, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "holds no line of type run")]
    [InlineData("{", "line 1")]
    [InlineData("{\"type\": \"walk\"}", "line 1", "none of run, step and evaluation")]
    [InlineData("{\"type\": \"step\", \"step\": 3}", "line 1", "epoch")]
    [InlineData("{\"type\": \"evaluation\", \"step\": 3, \"epoch\": 1, \"rows\": 2, \"exact_match\": null, \"losses\": {}}", "line 1", "exact_match")]
    public void Damaged_metrics_name_the_line(string text, params string[] expected)
    {
        using var folder = new TrainingFolder();
        File.WriteAllText(folder.Of("metrics.jsonl"), text);
        var error = Tool.RunBad("plot", "--run", folder.Path);

        Assert.Contains(folder.Of("metrics.jsonl"), error, StringComparison.Ordinal);
        Assert.All(expected, part => Assert.Contains(part, error, StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public void Directory_without_metrics_is_named() =>
        Assert.Contains("/no/such/run", Tool.RunBad("plot", "--run", "/no/such/run"), StringComparison.Ordinal);

    private static RunLine Start() => new(
        "model", "random weights", 1000, 2, 0, 100, 1, 10, 100, 1, 0.1, "Exponential", "Rotational", 0.01, 0, 0, 1, 1, 1e9, "machine", DateTimeOffset.UnixEpoch);

    private static StepLine Step(long step, int layers = 2)
    {
        var exits = Enumerable.Range(1, layers).ToDictionary(exit => $"{exit}", exit => 1.0 / (exit + step));
        return new(step, 0.1, 10, 1000, 1, 2, 2, exits, exits, 0.01, 1, 0.1, 0.9, 1e9, 1000);
    }

    private static IEnumerable<string> Pictures(XElement page) => page.Descendants("svg").Select(svg => svg.Element("title")!.Attribute("id")!.Value.Replace("-title", "", StringComparison.Ordinal));

    /// <summary>Well-formed, with nothing to load or to run, and every picture named for those who cannot see it.</summary>
    private static XElement AssertPage(string html)
    {
        const string DocumentType = "<!DOCTYPE html>\n";
        Assert.StartsWith(DocumentType, html, StringComparison.Ordinal);
        var page = XElement.Parse(html[DocumentType.Length..]);
        Assert.Empty(page.Descendants("script"));
        Assert.DoesNotContain(page.Descendants().Attributes(), attribute => attribute.Name.LocalName is "src" or "href" || attribute.Name.LocalName.StartsWith("on", StringComparison.Ordinal));
        Assert.DoesNotContain("url(", html, StringComparison.Ordinal);
        Assert.DoesNotContain("@import", html, StringComparison.Ordinal);
        var ids = page.Descendants().Attributes("id").Select(id => id.Value).ToHashSet();
        Assert.All(page.Descendants("svg"), svg =>
        {
            Assert.Equal("img", svg.Attribute("role")!.Value);
            Assert.All(svg.Attribute("aria-labelledby")!.Value.Split(' '), id => Assert.Contains(id, ids));
            Assert.Contains(svg.Elements("text"), text => text.Attribute("class")!.Value == "label");
        });
        return page;
    }
}
