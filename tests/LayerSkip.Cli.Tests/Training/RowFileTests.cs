using LayerSkip.Cli.Evaluation;
using LayerSkip.Cli.Training;

namespace LayerSkip.Cli.Tests.Training;

public class RowFileTests
{
    [Theory]
    [InlineData("{\"prompt\": \"a\"}", "response is missing")]
    [InlineData("{\"prompt\": 3, \"response\": \"b\"}", "prompt is 3", "a non-empty string")]
    [InlineData("{\"prompt\": \" \", \"response\": \"b\"}", "prompt is \" \"")]
    [InlineData("{\"prompt\": \"a\", \"response\": null}", "response is null")]
    [InlineData("[1]", "is [1]", "expected an object")]
    [InlineData("{\"prompt\": \"a\", ", "not valid JSON")]
    [InlineData("{\"prompt\": \"\\udc00\", \"response\": \"b\"}", "not valid JSON")]
    [InlineData("{\"messages\": []}", "messages is []")]
    [InlineData("{\"messages\": 1}", "messages is 1")]
    [InlineData("{\"messages\": [1]}", "messages[0] is 1")]
    [InlineData("{\"messages\": [{\"role\": \"user\"}]}", "messages[0].content is missing")]
    [InlineData("{\"messages\": [{\"content\": \"x\"}]}", "messages[0].role is missing")]
    [InlineData("{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}]}", "messages[0].role is 'user'", "'assistant' at the end")]
    [InlineData("{\"messages\": [{\"role\": \"assistant\", \"content\": \"x\"}], \"prompt\": \"y\"}", "messages stands beside prompt")]
    [InlineData("{\"messages\": [{\"role\": \"assistant\", \"content\": null, \"tool_calls\": []}]}", "messages[0].content is null")]
    [InlineData("{\"messages\": [{\"role\": \"assistant\", \"tool_calls\": 1}]}", "messages[0].tool_calls is 1", "expected an array")]
    [InlineData("{\"messages\": [{\"role\": \"assistant\", \"tool_calls\": [{\"name\": \"f\"}]}]}", "messages[0].tool_calls[0] has no object \"function\"")]
    [InlineData("{\"messages\": [{\"role\": \"assistant\", \"tool_calls\": [{\"function\": {\"arguments\": {}}}]}]}", "messages[0].tool_calls[0].function.name is missing")]
    [InlineData("{\"messages\": [{\"role\": \"assistant\", \"tool_calls\": [{\"function\": {\"name\": \"f\"}}]}]}", "tool_calls[0].function.arguments is missing")]
    [InlineData("{\"messages\": [{\"role\": \"assistant\", \"tool_calls\": [{\"function\": {\"name\": \"f\", \"arguments\": \"{\"}}]}]}", "tool_calls[0].function.arguments is \"{\"", "a string that holds one")]
    [InlineData("{\"messages\": [{\"role\": \"user\", \"tool_calls\": [{\"function\": {\"name\": \"f\", \"arguments\": {}}}]}]}", "messages[0] has tool_calls, but its role is 'user'")]
    [InlineData("{\"messages\": [{\"role\": \"assistant\", \"content\": \"x\"}], \"tools\": {}}", "tools is an object")]
    public void Bad_json_line_is_named_with_its_field(string line, params string[] expected)
    {
        using var folder = new TrainingFolder();
        File.AppendAllText(folder.Of("rows.jsonl"), "\n" + line + "\n");

        var error = folder.TrainBad("--check");

        Assert.Contains($"{folder.Of("rows.jsonl")}, line 8: ", error, StringComparison.Ordinal);
        Assert.All(expected, part => Assert.Contains(part, error, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("weather\tx", "line 4", "separated by tabs")]
    [InlineData("weather\tx\t[IN:GET_WEATHER", "line 4", "]")]
    public void Bad_parse_is_named(string line, params string[] expected)
    {
        using var folder = new TrainingFolder();
        File.AppendAllText(folder.Of("rows.tsv"), line + "\n");

        var error = folder.TrainBad("--check");

        Assert.Contains(folder.Of("rows.tsv"), error, StringComparison.Ordinal);
        Assert.All(expected, part => Assert.Contains(part, error, StringComparison.Ordinal));
    }

    [Fact]
    public void Absent_and_empty_files_are_named()
    {
        using var folder = new TrainingFolder().With("data.1.files", "[\"absent.tsv\"]");
        Assert.Contains(folder.Of("absent.tsv"), folder.TrainBad("--check"), StringComparison.Ordinal);

        File.WriteAllText(folder.Of("absent.tsv"), "domain\tutterance\tsemantic_parse\n");
        var error = folder.TrainBad("--check");
        Assert.Contains(folder.Of("absent.tsv"), error, StringComparison.Ordinal);
        Assert.Contains("holds no row", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Long_rows_are_an_error_or_left_out_and_counted()
    {
        using var folder = new TrainingFolder().With("max_tokens", "12").With("evaluation", null);
        var error = folder.TrainBad("--check");
        Assert.Contains($"{folder.Of("rows.jsonl")}, line 2: has ", error, StringComparison.Ordinal);
        Assert.Contains("at most 12", error, StringComparison.Ordinal);

        var result = folder.With("too_long", "\"skip\"").Train("--check");
        Assert.Equal(CommandLine.Success, result.ExitCode);
        Assert.Contains("rows left out: too long", result.Output, StringComparison.Ordinal);

        Assert.Contains("have more than 4 tokens", folder.With("max_tokens", "4").TrainBad("--check"), StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_can_teach_what_people_say_in_a_domain()
    {
        using var folder = new TrainingFolder();
        File.WriteAllLines(folder.Of("weather.tsv"), ["domain\tutterance\tsemantic_parse", "weather\tweather in Rome\t[IN:GET_WEATHER weather in [SL:LOCATION Rome ] ]"]);
        var source = new DataSource([folder.Of("weather.tsv")], Share: 1, RowTask.Utterance, LossRange.Response, PromptWeight: 0, Swapping: null);

        var row = Assert.Single(RowFile.Read(source, TargetForm.Decoupled, seed: 1));

        Assert.Equal(["weather", "weather in Rome"], row.Messages.Select(message => message.Content));
        Assert.Contains(
            "task is \"utterance\"",
            folder.With("data", """[{"files": ["rows.jsonl"], "task": "utterance"}]""").TrainBad("--check"),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Copies_with_swapped_slots_stand_for_the_rows()
    {
        using var folder = new TrainingFolder();
        var cities = Enumerable.Range(0, 30).Select(i => $"weather\tweather in city{i}\t[IN:GET_WEATHER weather in [SL:LOCATION city{i} ] ]");
        File.WriteAllLines(folder.Of("cities.tsv"), ["domain\tutterance\tsemantic_parse", .. cities, "alarm\tstop\t[IN:SILENCE_ALARM stop ]"]);
        var source = new DataSource([folder.Of("cities.tsv")], Share: 1, RowTask.Parse, LossRange.Response, PromptWeight: 0, new SlotSwapping(Share: 1, Copies: 3));

        TrainingRow[] rows = [.. RowFile.Read(source, TargetForm.Decoupled, seed: 1)];

        Assert.Equal(3 * 30, rows.Length); // the alarm has no slot
        foreach (var row in rows)
        {
            var city = row.Messages[0].Content!["weather in ".Length..];
            Assert.Equal($"[IN:GET_WEATHER [SL:LOCATION {city} ] ]", row.Messages[1].Content);
        }

        var absent = Assert.Throws<UsageException>(() => RowFile.Read(source with { Files = [folder.Of("cities.tsv"), folder.Of("no.tsv")] }, TargetForm.Decoupled, seed: 1).ToArray());
        Assert.StartsWith($"{folder.Of("no.tsv")}: cannot be read", absent.Message, StringComparison.Ordinal);
        Assert.NotEqual(rows.Select(Prompt), RowFile.Read(source, TargetForm.Decoupled, seed: (1UL << 32) + 1).Select(Prompt));
        Assert.Equal(rows.Select(Prompt), RowFile.Read(source, TargetForm.Decoupled, seed: 1).Select(Prompt));
        Assert.NotEqual(rows.Select(Prompt), RowFile.Read(source, TargetForm.Decoupled, seed: 2).Select(Prompt));

        static string Prompt(TrainingRow row) => row.Messages[0].Content!;
    }
}
