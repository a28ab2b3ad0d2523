using System.Text.Json;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.Engine.Tokenization;
using LayerSkip.Parsing.Data;
using LayerSkip.Tests;

namespace LayerSkip.Cli.Tests.Commands;

public sealed class TrainTokenizerCommandTests : IDisposable
{
    private const string Header = "domain\tutterance\tsemantic_parse\n";
    private const string Row = "weather\tWeather in New York\t[IN:GET_WEATHER Weather in [SL:LOCATION New York ] ]\n";

    private readonly string _directory = Directory.CreateTempSubdirectory("layerskip-").FullName;

    private string Output => PathOf("out");

    [Fact]
    public void Topv2_tokenizer_compresses_as_the_shipped_one()
    {
        var data = Directory.GetFiles(SharedData.Require("topv2"), "*_train.tsv");

        var report = Tool.RunJson(["train-tokenizer", "--data", .. data, "--vocab-size", "2304", "--output", Output]);
        var (trained, shipped) = (Tokenizer.Load(Output), Tokenizer.Load(Tool.Parser));

        Assert.Equal(2304, report.GetProperty("vocab_size").GetInt32());
        Assert.Equal(124_597, report.GetProperty("texts").GetInt32());
        Assert.Equal(124_597, report.GetProperty("responses").GetInt32());
        Assert.Equal(2304 - 256 - report.GetProperty("added_tokens").GetInt32(), report.GetProperty("merges").GetInt32());
        Assert.Equal(2304, trained.VocabularySize);
        Assert.True(trained.TryGetId(" [IN:GET_WEATHER", out var label) && !trained.IsSpecial(label));
        Assert.True(trained.TryGetId(" ]", out _));

        var utterances = Directory.GetFiles(SharedData.Require("topv2"), "*_eval.tsv").SelectMany(TopV2File.Read).Select(row => " " + row.Utterance).ToArray();
        var (own, reference) = (utterances.Average(text => trained.Encode(text).Length), utterances.Average(text => shipped.Encode(text).Length));
        Assert.InRange(own / reference, 0.99, 1.01);
    }

    [Fact]
    public void Parses_become_labels_and_words()
    {
        var data = WriteFile("rows.tsv", Header + Row + Row);

        var report = Tool.RunJson("train-tokenizer", "--data", data, "--vocab-size", "280", "--output", Output);
        var tokenizer = Tokenizer.Load(Output);

        Assert.Equal((280, 280), (report.GetProperty("vocab_size").GetInt32(), tokenizer.VocabularySize));
        Assert.Equal((8, 5), (report.GetProperty("added_tokens").GetInt32(), report.GetProperty("special_tokens").GetInt32()));
        Assert.Equal(
            [" [IN:GET_WEATHER", " [SL:LOCATION", " ]", "<|pad|>", "<|begin|>", "<|user|>", "<|assistant|>", "<|end|>"],
            Enumerable.Range(272, 8).Select(tokenizer.GetToken));
        Assert.Equal(
            [" [IN:GET_WEATHER", " [SL:LOCATION", "ĠNew", "ĠYork", " ]", " ]"],
            tokenizer.Encode(" [IN:GET_WEATHER [SL:LOCATION New York ] ]").Select(tokenizer.GetToken));
        Assert.Equal(4, report.GetProperty("tokens_per_text").GetDouble());
        Assert.Equal(5, report.GetProperty("bytes_per_token").GetDouble());
        Assert.Equal(6, report.GetProperty("tokens_per_response").GetDouble());
    }

    [Fact]
    public void Built_in_template_and_control_tokens_are_those_of_the_shipped_parser()
    {
        var data = WriteFile("rows.txt", "some text\n");

        Tool.RunJson("train-tokenizer", "--data", data, "--vocab-size", "261", "--output", Output);

        Assert.Equal(ChatTemplate.LoadFrom(Tool.Parser)!.Source, ChatTemplate.LoadFrom(Output)!.Source);
        Assert.True(JsonElement.DeepEquals(Json(Tool.Parser, "special_tokens_map.json"), Json(Output, "special_tokens_map.json")));
        foreach (var name in (string[])["tokenizer_class", "add_prefix_space", "clean_up_tokenization_spaces", "bos_token", "eos_token", "pad_token", "additional_special_tokens"])
        {
            Assert.True(JsonElement.DeepEquals(
                Json(Tool.Parser, "tokenizer_config.json").GetProperty(name), Json(Output, "tokenizer_config.json").GetProperty(name)));
        }
    }

    [Fact]
    public void Json_lines_and_plain_lines_are_read()
    {
        var lines = WriteFile("rows.jsonl", """
            {"prompt": " wake me up ", "response": "alarm set", "id": 3}
            {"prompt": "wake me up"}

            {"text": "wake me up"}
            """);
        var text = WriteFile("rows.TXT", "\uFEFFwake me up\r\n\n   \nwake me up");

        var report = Tool.RunJson("train-tokenizer", "--data", lines, text, "--vocab-size", "269", "--output", Output);

        Assert.Equal((5, 1), (report.GetProperty("texts").GetInt32(), report.GetProperty("responses").GetInt32()));
        Assert.Equal(
            ["Ġwake", "Ġme", "Ġup"],
            Tokenizer.Load(Output).Encode(" wake me up").Select(Tokenizer.Load(Output).GetToken));
    }

    [Fact]
    public void Template_and_control_tokens_may_be_given()
    {
        var data = WriteFile("rows.txt", "some text\n");
        var template = WriteFile("my.jinja", "{{ bos_token }}{{ messages[0].content }}");
        string[] command = ["train-tokenizer", "--data", data, "--vocab-size", "258", "--output", Output, "--special", "bos=<s>", "eos=<s>", "<x>"];

        Tool.RunJson([.. command, "--chat-template", template]);
        Assert.Equal("{{ bos_token }}{{ messages[0].content }}", ChatTemplate.LoadFrom(Output)!.Source);
        Assert.Equal("<s>", ChatTemplate.LoadFrom(Output)!.SpecialTokens["eos_token"]);
        Assert.Equal(2, Tool.RunJson([.. command, "--chat-template", "none", "--force"]).GetProperty("special_tokens").GetInt32());
        Assert.Null(ChatTemplate.LoadFrom(Output));
    }

    [Fact]
    public void Tokenizer_that_is_there_is_replaced_only_by_force()
    {
        var data = WriteFile("rows.txt", "ab ab\nab");
        string[] command = ["train-tokenizer", "--data", data, "--vocab-size", "262", "--output", Output];
        Tool.RunJson(command);
        var first = File.ReadAllBytes(Path.Combine(Output, "tokenizer.json"));

        Assert.Contains("--output", Tool.RunBad(command), StringComparison.Ordinal);
        Assert.Contains("holds tokenizer.json already; --force", Tool.RunBad(command), StringComparison.Ordinal);
        Tool.RunJson([.. command, "--force"]);
        Assert.Equal(first, File.ReadAllBytes(Path.Combine(Output, "tokenizer.json")));

        File.WriteAllText(Path.Combine(Output, "chat_template.jinja"), "");
        Assert.Contains("chat_template.jinja", Tool.RunBad([.. command, "--force"]), StringComparison.Ordinal);
    }

    [Fact]
    public void Summary_and_note_are_printed()
    {
        var result = Tool.Run("train-tokenizer", "--data", WriteFile("rows.tsv", Header + Row), "--vocab-size", "1000", "--output", Output);

        Assert.Equal(0, result.ExitCode);
        Assert.Matches(@"^\d+ tokens: 256 bytes, \d+ merges, 8 added tokens \(5 special\)\n1 texts: \d+\.\d{3} tokens each, \d\.\d{3} bytes a token\n1 responses: \d+\.\d{3} tokens each\ntrained in \d+\.\d s, written to .*out\n$", result.Output.ReplaceLineEndings("\n"));
        Assert.Matches(@"^layerskip: note: \d+ tokens of the 1000 asked for", result.Error);
    }

    [Theory]
    [InlineData("rows.tsv", Header + "weather\tno parse\n", "rows.tsv, line 2")]
    [InlineData("rows.tsv", Header + Row + "weather\tx\t[IN:GET_WEATHER x\n", "rows.tsv, line 3")]
    [InlineData("rows.tsv", "utterance\n", "rows.tsv, line 1")]
    [InlineData("rows.tsv", Header, "--data holds no text")]
    [InlineData("rows.jsonl", "{\"text\": \"a\"}\n{\"prompt\": 3}\n", "rows.jsonl, line 2: \"prompt\" is no string")]
    [InlineData("rows.jsonl", "[]\n", "rows.jsonl, line 1: expected an object")]
    [InlineData("rows.jsonl", "{\"text\": \"a\", \"prompt\": \"b\"}\n", "rows.jsonl, line 1: expected an object")]
    [InlineData("rows.jsonl", "\n{\"text\": \n", "rows.jsonl, line 2: is not valid JSON")]
    [InlineData("rows.jsonl", "{\"text\": \"\\ud800\"}\n", "rows.jsonl, line 1: is not valid JSON")]
    [InlineData("rows.txt", "\n\n", "--data holds no text")]
    [InlineData("rows.csv", "a,b\n", "rows.csv: expected a .tsv")]
    public void Bad_data_is_named(string name, string content, string message)
    {
        var error = Tool.RunBad("train-tokenizer", "--data", WriteFile(name, content), "--vocab-size", "300", "--output", Output);

        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Output));
    }

    [Fact]
    public void Data_that_is_not_utf8_or_not_there_is_named()
    {
        var data = PathOf("rows.txt");
        string[] command = ["train-tokenizer", "--vocab-size", "300", "--output", Output, "--data"];

        Assert.Contains("rows.txt: there is no such file", Tool.RunBad([.. command, data]), StringComparison.Ordinal);
        File.WriteAllBytes(data, [0x61, 0x0A, 0xFF]);
        Assert.Contains("rows.txt: the text after line 0 is not UTF-8", Tool.RunBad([.. command, data]), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--vocab-size is '255', expected an integer from 256 to 16777216", "--vocab-size", "255")]
    [InlineData("--vocab-size is 263, expected at least 264: 256 bytes, 3 labels of the data and 5 control tokens", "--vocab-size", "263")]
    [InlineData("--vocab-size is missing, expected '--vocab-size N'")]
    [InlineData("'--jsno' is not known here, did you mean '--json'?", "--vocab-size", "300", "--special", "<x>", "--jsno")]
    [InlineData("'--frce' is not known here, did you mean '--force'?", "--vocab-size", "300", "--data", "rows.txt", "--frce")]
    [InlineData("--special has '<x>' twice", "--vocab-size", "300", "--special", "<x>", "<x>")]
    [InlineData("--special has two bos tokens, '<x>' and '<y>'", "--vocab-size", "300", "--special", "bos=<x>", "bos=<y>")]
    [InlineData("--special 'eos=' is empty", "--vocab-size", "300", "--special", "eos=")]
    [InlineData("--special lacks '<|begin|>'", "--vocab-size", "300", "--special", "<x>")]
    [InlineData("--special has ' ]', which is a label of the data too", "--vocab-size", "300", "--special", " ]", "--chat-template", "none")]
    [InlineData("already is the spelling of a byte", "--vocab-size", "300", "--special", "x", "--chat-template", "none")]
    [InlineData("--chat-template nowhere.jinja: does not exist", "--vocab-size", "300", "--chat-template", "nowhere.jinja")]
    public void Bad_options_are_named(string message, params string[] options)
    {
        var error = Tool.RunBad(["train-tokenizer", "--data", WriteFile("rows.tsv", Header + Row), "--output", Output, .. options]);

        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Output));
    }

    [Fact]
    public void Bad_template_and_output_are_named()
    {
        var template = WriteFile("bad.jinja", "{% for %}");
        string[] command = ["train-tokenizer", "--data", WriteFile("rows.txt", "x"), "--vocab-size", "300", "--output"];

        Assert.Contains($"--chat-template {template}: ", Tool.RunBad([.. command, Output, "--chat-template", template]), StringComparison.Ordinal);
        Assert.Contains($"--output is '{template}', expected a directory", Tool.RunBad([.. command, template]), StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static JsonElement Json(string directory, string file)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(directory, file)));
        return json.RootElement.Clone();
    }

    private string PathOf(string name) => Path.Combine(_directory, name);

    private string WriteFile(string name, string content)
    {
        File.WriteAllText(PathOf(name), content);
        return PathOf(name);
    }
}
