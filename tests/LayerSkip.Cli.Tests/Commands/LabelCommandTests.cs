using System.Text.Json;

namespace LayerSkip.Cli.Tests.Commands;

public sealed class LabelCommandTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("layerskip-");

    private string Target => PathOf("rows.jsonl");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void A_models_rows_hold_the_answers_it_gives()
    {
        string[] prompts = ["remind me to call mom at 5 pm", "Turn off alarms", "\"Quotes\" & ümlauts"];
        File.WriteAllLines(PathOf("prompts.txt"), prompts);

        var report = Tool.RunJson("label", "--model", Tool.Parser, "--data", PathOf("prompts.txt"), "--output", Target);

        Assert.Equal(3, report.GetProperty("rows").GetInt32());
        Assert.Equal(prompts, Rows().Select(row => row.Prompt));
        foreach (var (prompt, response) in Rows())
        {
            Assert.Equal(Tool.RunJson("generate", "--model", Tool.Parser, "--chat", "--prompt", prompt).GetProperty("text").GetString()!.Trim(), response);
        }

        // The mean of a model and itself is the model.
        var alone = File.ReadAllText(Target);
        Tool.RunJson("label", "--model", Tool.Parser, Tool.Parser, "--data", PathOf("prompts.txt"), "--output", Target);
        Assert.Equal(alone, File.ReadAllText(Target));
    }

    [Fact]
    public void Answers_are_drawn_by_the_seed_and_repeated_ones_left_out()
    {
        File.WriteAllLines(PathOf("prompts.jsonl"), ["""{"topic": "Turn off alarms"}""", """{"topic": "stop my alarms"}"""]);
        string[] arguments =
            ["label", "--model", Tool.Parser, "--data", PathOf("prompts.jsonl"), "--field", "topic", "--temperature", "3", "--samples", "20", "--output", Target];

        var all = Tool.RunJson([.. arguments, "--seed", "1"]);
        var (first, rows) = (File.ReadAllText(Target), Rows());
        Tool.RunJson([.. arguments, "--seed", "1"]);
        Assert.Equal(first, File.ReadAllText(Target));
        Tool.RunJson([.. arguments, "--seed", "2"]);
        Assert.NotEqual(first, File.ReadAllText(Target));

        var distinct = Tool.RunJson([.. arguments, "--seed", "1", "--distinct"]);
        Assert.Equal(rows.Distinct(), Rows());
        Assert.Equal(40, Sum(all));
        Assert.Equal(40, Sum(distinct));
        Assert.Equal(rows.Length - rows.Distinct().Count(), distinct.GetProperty("repeated").GetInt32());

        static int Sum(JsonElement report) => ((string[])["rows", "unfinished", "repeated"]).Sum(field => report.GetProperty(field).GetInt32());
    }

    [Fact]
    public void Options_without_effect_are_noted()
    {
        File.WriteAllText(PathOf("prompts.txt"), "Turn off alarms");
        var result = Tool.Run("label", "--model", Tool.Parser, "--data", PathOf("prompts.txt"), "--output", Target, "--seed", "1", "--field", "topic");

        Assert.Equal(CommandLine.Success, result.ExitCode);
        Assert.Contains("note: --seed has no effect: the temperature is 0", result.Error, StringComparison.Ordinal);
        Assert.Contains("note: --field has no effect: it is of .jsonl files", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Checkpoint_without_a_template_says_so()
    {
        using var checkpoint = TokenizedCheckpoint.Write(template: false);
        File.WriteAllText(PathOf("prompts.txt"), "Turn off alarms");

        Assert.Contains(
            $"note: {checkpoint.Directory} has no chat template",
            Tool.Run("label", "--model", checkpoint.Directory, "--data", PathOf("prompts.txt"), "--output", Target, "--max-tokens", "2").Error,
            StringComparison.Ordinal);
    }

    [Fact]
    public void What_cannot_be_done_is_said_in_a_line_and_nothing_is_written()
    {
        File.WriteAllText(PathOf("prompts.txt"), "Turn off alarms");
        File.WriteAllText(PathOf("prompts.jsonl"), """{"prompt": "Turn off alarms"}""");
        File.WriteAllText(Target, "mine");
        string[] Of(params string[] more) => ["label", "--data", PathOf("prompts.txt"), "--output", Target, .. more];
        using var other = TokenizedCheckpoint.Write(TokenizedCheckpoint.Config with { VocabularySize = 2400 });

        AssertRefused("--samples is 2, but --temperature is 0", Of("--model", Tool.Parser, "--samples", "2"));
        AssertRefused("a vocabulary of 2400 tokens", Of("--model", Tool.Parser, other.Directory));
        AssertRefused("more than 16777216 answers", "label", "--model", Tool.Parser, "--data", Tool.Utterances, "--temperature", "1", "--samples", "16777216", "--output", Target);
        AssertRefused("no answer is finished", Of("--model", Tool.Parser, "--max-tokens", "1"));
        AssertRefused("which --data reads, expected another file", "label", "--model", Tool.Parser, "--data", PathOf("prompts.jsonl"), "--output", PathOf("prompts.jsonl"));
        AssertRefused("--temperature is '-1'", Of("--model", Tool.Parser, "--temperature", "-1"));
        AssertRefused("\"topic\"", "label", "--model", Tool.Parser, "--data", PathOf("prompts.jsonl"), "--field", "topic", "--output", Target + "2");
        AssertRefused("--output is", "label", "--model", Tool.Parser, "--data", PathOf("prompts.txt"), "--output", PathOf("missing/rows.jsonl"));
        Assert.Equal("mine", File.ReadAllText(Target));
    }

    private static void AssertRefused(string expected, params string[] args) => Assert.Contains(expected, Tool.RunBad(args), StringComparison.Ordinal);

    private string PathOf(string name) => Path.Combine(_folder.FullName, name);

    private (string Prompt, string Response)[] Rows() => [.. File.ReadLines(Target).Select(line =>
    {
        using var json = JsonDocument.Parse(line);
        return (json.RootElement.EnumerateObject().First().Value.GetString()!, json.RootElement.GetProperty("response").GetString()!);
    })];
}
