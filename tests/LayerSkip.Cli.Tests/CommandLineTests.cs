using System.CommandLine.Parsing;
using System.Globalization;

namespace LayerSkip.Cli.Tests;

/// <summary>Parsing, help, and the errors that every command shares.</summary>
public class CommandLineTests
{
    [Theory]
    [InlineData("")]
    [InlineData("generate")]
    [InlineData("chat")]
    [InlineData("tokenize")]
    [InlineData("inspect")]
    [InlineData("bench")]
    [InlineData("train-tokenizer")]
    [InlineData("eval")]
    [InlineData("train")]
    [InlineData("plot")]
    [InlineData("template")]
    [InlineData("export")]
    [InlineData("quantize")]
    [InlineData("sweep")]
    [InlineData("tune")]
    [InlineData("correctness")]
    [InlineData("devices")]
    [InlineData("selftest")]
    [InlineData("label")]
    public void Help_is_printed_and_describes_every_option(string command)
    {
        var result = Tool.Run([.. command.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"]);

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        foreach (var line in result.Output.Split('\n').Where(line => line.StartsWith("  --", StringComparison.Ordinal)))
        {
            Assert.Matches(@"^  --\S+.*  \S+", line.TrimEnd());
        }

        Assert.Equal(command.Length > 0, result.Output.Contains("Example", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("label")]
    [InlineData("quantize")]
    public void Name_of_an_option_comes_before_its_alias(string command) =>
        Assert.Contains("  --output, --out <", Tool.Run(command, "--help").Output, StringComparison.Ordinal);

    [Fact]
    public void Examples_of_help_are_command_lines_of_their_command()
    {
        using var interrupt = new Interrupt();
        var terminal = new Terminal(TextWriter.Null, TextWriter.Null, Stream.Null, interrupt);
        foreach (var (command, example) in ExamplesHelp.Examples.SelectMany(entry => entry.Value, (entry, example) => (entry.Key, example)))
        {
            string[] words = [.. CommandLineParser.SplitCommandLine(example.Split(" < ")[0])];
            Assert.Equal("layerskip", words[0]);
            var arguments = CommandLine.Parse(words[1..], terminal);
            Assert.Empty(arguments.Errors.Select(error => $"{example}: {error.Message}"));
            Assert.Equal(command, arguments.CommandResult.Command.Name);
        }
    }

    [Fact]
    public void Version_is_printed()
    {
        var result = Tool.Run("--version");

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Matches(@"^\d+\.\d+", result.Output);
    }

    [Theory]
    [InlineData("", "no command is given, expected one of generate, chat, ", "layerskip --help")]
    [InlineData("generat", "'generat'", "did you mean 'generate'")]
    [InlineData("generate --promt x --model m", "'--promt'", "did you mean '--prompt'")]
    [InlineData("generate --modle m --prompt x", "'--modle'", "did you mean '--model'")]
    [InlineData("bench --modle m", "'--modle'", "did you mean '--model'")]
    [InlineData("generate --model m --mdoe x", "'--mdoe'", "did you mean '--mode'")]
    [InlineData("generat --help", "'generat'", "did you mean 'generate'")]
    [InlineData("gen", "'gen'", "did you mean 'generate'")]
    [InlineData("generate --tokens 5 --model m", "'--tokens'", "did you mean '--max-tokens'")]
    [InlineData("generate --model m", "--prompt is missing, expected '--prompt TEXT'", "layerskip generate --help")]
    [InlineData("generate --prompt x", "--model is missing, expected '--model PATH'", "layerskip generate --help")]
    [InlineData("generate --prompt x --model m extra", "'extra'", "belongs to no option of layerskip generate")]
    [InlineData("generate --prompt x --model m --chat no", "'no'", "belongs to no option of layerskip generate")]
    [InlineData("generate --prompt x --model m -q 1", "'-q'", "is no option of layerskip generate")]
    [InlineData("foo", "'foo' is no command", "expected one of generate, chat, ")]
    [InlineData("generate --model --prompt x", "--model has no value, expected '--model PATH'", "'--prompt' is an option")]
    [InlineData("chat --modl m", "'--modl'", "did you mean '--model'")]
    [InlineData("label --model m --data d --ouput o", "'--ouput'", "did you mean '--output'")]
    [InlineData("tokenize --model no/such --text x", "no/such: does not exist", "expected tokenizer.json")]
    [InlineData("plot --run no/such", "metrics.jsonl: does not exist", "expected the metrics of a training run")]
    [InlineData("tokenize --model m --file no/such", "--file no/such: does not exist", "expected a file")]
    [InlineData("eval --model m --data no/such.tsv", "--data no/such.tsv: does not exist", "expected a file")]
    [InlineData("generate --prompt x --model m --top-k", "--top-k has no value", "expected '--top-k K'")]
    [InlineData("generate --prompt x --model m --top-k 1 --top-k 2", "--top-k is given 2 times", "expected once")]
    [InlineData("generate --prompt x --model m --top-k -1", "--top-k is '-1'", "at least 0")]
    [InlineData("generate --prompt x --model m --top-k 1.5", "--top-k is '1.5'", "integer")]
    [InlineData("generate --prompt x --model m --top-p 0", "--top-p is '0'", "above 0 and at most 1")]
    [InlineData("generate --prompt x --model m --top-p 1.01", "--top-p is '1.01'", "above 0 and at most 1")]
    [InlineData("generate --prompt x --model m --temperature -0.1", "--temperature is '-0.1'", "at least 0")]
    [InlineData("generate --prompt x --model m --temperature NaN", "--temperature is 'NaN'", "at least 0")]
    [InlineData("generate --prompt x --model m --temperature 0,7", "--temperature is '0,7'", "at least 0")]
    [InlineData("generate --prompt x --model m --temperature 1e40", "--temperature is '1e40'", "at least 0")]
    [InlineData("generate --prompt x --model m --seed -1", "--seed is '-1'", "18446744073709551615")]
    [InlineData("generate --prompt x --model m --max-tokens 0", "--max-tokens is '0'", "at least 1")]
    [InlineData("generate --prompt x --model m --max-tokens 9999999999", "--max-tokens is '9999999999'", "at most 2147483647")]
    [InlineData("generate --prompt x --model m --threads 0", "--threads is '0'", "an integer from 1 to ")]
    [InlineData("generate --prompt x --model m --threads 1025", "--threads is '1025'", "an integer from 1 to ")]
    [InlineData("generate --prompt x --model m --num-speculations 65", "--num-speculations is '65'", "from 0 to 64")]
    [InlineData("generate --prompt x --model m --exit-layer 1.5", "--exit-layer is '1.5'", "an integer")]
    [InlineData("label --model m --data d --out o", "--data d: has no ending", "expected .tsv (TOPv2), .jsonl or .txt")]
    [InlineData("sweep --model m --data d.csv --output o.csv", "--data d.csv: ends in '.csv'", "expected .tsv (TOPv2), .jsonl or .txt")]
    [InlineData("correctness --model m --data d", "--data d: has no ending", "expected .tsv (TOPv2), .jsonl or .txt")]
    [InlineData("generate --prompt x --model m --mode fast", "--mode is 'fast'", "autoregressive, self-speculative, early-exit")]
    [InlineData("generate --prompt x --model m --dtype f64", "--dtype is 'f64'", "auto, f32, bf16")]
    [InlineData("tokenize --model m", "--text", "--file")]
    [InlineData("tokenize --model m --text x --file y", "--text", "--file")]
    [InlineData("bench", "--model", "--synthetic")]
    [InlineData("bench --model m --synthetic s", "--model", "--synthetic")]
    [InlineData("bench --synthetic s --chat", "--chat", "--model")]
    [InlineData("bench --synthetic s --runs 0", "--runs is '0'", "from 1")]
    [InlineData("label --model m --data d", "--output is missing", "expected '--output FILE'")]
    [InlineData("quantize --model m --to int8", "--output is missing", "expected '--output DIR'")]
    [InlineData("bench --synthetic s --num-speculations 0", "--num-speculations is 0", "expected at least 1")]
    [InlineData("eval --model m", "--data is missing", "layerskip eval --help")]
    [InlineData("train", "--recipe is missing", "layerskip train --help")]
    [InlineData("train --recipe x --threads 0", "--threads is '0'", "an integer from 1 to ")]
    [InlineData("plot", "--run is missing", "layerskip plot --help")]
    public void Bad_option_is_one_line(string line, string names, string expects)
    {
        var error = Tool.RunBad(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        Assert.Contains(names, error, StringComparison.Ordinal);
        Assert.Contains(expects, error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("foo")]
    [InlineData("generate --x --model m")]
    [InlineData("generate --ex --model m")]
    public void Nothing_is_suggested_for_words_that_resemble_none(string line)
    {
        Assert.DoesNotContain("did you mean", Tool.RunBad(line.Split(' ')), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tokenize --file {0}", "--file {0}: is a directory, expected a file")]
    [InlineData("bench --prompts {0}", "--prompts {0}: is a directory, expected a file that ends in .tsv (TOPv2), .jsonl or .txt")]
    [InlineData("eval --data {0}", "--data {0}: is a directory, expected a file that ends in .tsv (TOPv2) or .jsonl")]
    [InlineData("export --gguf {0}", "--gguf is '{0}', a directory, expected a file")]
    [InlineData("quantize --to int8 --out {0}/config.json", "--output is '{0}/config.json', expected a directory")]
    public void Directory_in_place_of_a_file_and_the_reverse_is_told(string line, string expects)
    {
        var error = Tool.RunBad([.. string.Format(CultureInfo.InvariantCulture, line, Tool.Parser).Split(' '), "--model", Tool.Parser]);

        Assert.Contains(string.Format(CultureInfo.InvariantCulture, expects, Tool.Parser), error, StringComparison.Ordinal);
    }

    [Fact]
    public void Output_does_not_replace_a_file_of_the_checkpoint()
    {
        var file = Path.Combine(Tool.Parser, "tokenizer.json");

        Assert.Contains(
            $"--output is '{file}', which --model reads, expected another file",
            Tool.RunBad("eval", "--model", Tool.Parser, "--data", Tool.Utterances, "--output", file), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("label --data {0} --output {0}", "--output", "--data")]
    [InlineData("eval --data {0} --output {0}", "--output", "--data")]
    [InlineData("eval --data {1} --train {1} {0} --output {0}", "--output", "--train")]
    [InlineData("bench --prompts {0} --html {0}", "--html", "--prompts")]
    [InlineData("tune --data {1} {0} --html {0}", "--html", "--data")]
    [InlineData("sweep --data {0} --output {1}.csv --html {0}", "--html", "--data")]
    [InlineData("sweep --data {0} --output {0} --force", "--output", "--data")]
    public void Output_does_not_replace_what_is_read(string line, string output, string input)
    {
        var folder = Directory.CreateTempSubdirectory("layerskip-");
        try
        {
            string[] paths = [Path.Combine(folder.FullName, "rows.jsonl"), Path.Combine(folder.FullName, "other.jsonl")];
            Assert.All(paths, path => File.WriteAllText(path, """{"prompt": "wake me", "response": "[IN:X ]"}"""));
            string[] words = [.. line.Split(' ').Select(word => string.Format(CultureInfo.InvariantCulture, word, paths))];

            Assert.Contains($"{output} is '{paths[0]}', which {input} reads, expected another file", Tool.RunBad([.. words, "--model", Tool.Parser]), StringComparison.Ordinal);
            Assert.Contains("wake me", File.ReadAllText(paths[0]), StringComparison.Ordinal);
            Assert.Equal(2, folder.GetFiles().Length);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void Output_in_no_directory_is_told_without_a_name_that_nobody_gave()
    {
        Assert.EndsWith(
            "--gguf is 'no/such/x.gguf', expected a file in a directory that exists",
            Tool.RunBad("export", "--model", Tool.Parser, "--gguf", "no/such/x.gguf"),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("generate --prompt x --model")]
    [InlineData("chat --model")]
    [InlineData("tokenize --text x --model")]
    [InlineData("tokenize --model {0} --file")]
    [InlineData("template --context x --model")]
    [InlineData("template --context x --template")]
    [InlineData("template --model {0} --context")]
    [InlineData("inspect --model")]
    [InlineData("export --gguf x.gguf --model")]
    [InlineData("quantize --to int8 --out no/such/x --model")]
    [InlineData("bench --model")]
    [InlineData("bench --model {0} --prompts")]
    [InlineData("sweep --output x.csv --model")]
    [InlineData("sweep --output x.csv --model {0} --data")]
    [InlineData("tune --model")]
    [InlineData("tune --model {0} --data")]
    [InlineData("correctness --data {1} --model")]
    [InlineData("correctness --model {0} --data")]
    [InlineData("eval --data {1} --model")]
    [InlineData("eval --model {0} --data")]
    [InlineData("eval --model {0} --data {1} --train")]
    [InlineData("label --data {1} --out x.jsonl --model")]
    [InlineData("label --model {0} --out x.jsonl --data")]
    [InlineData("train-tokenizer --vocab-size 300 --output x --data")]
    [InlineData("train-tokenizer --vocab-size 300 --output x --data {1} --chat-template")]
    [InlineData("train --recipe")]
    [InlineData("plot --run")]
    public void Missing_or_empty_path_is_told_with_the_option_that_gave_it(string line)
    {
        var folder = Directory.CreateTempSubdirectory("layerskip-rows");
        try
        {
            var rows = Path.Combine(folder.FullName, "rows.jsonl");
            File.WriteAllText(rows, """{"prompt":"x","response":"[IN:X ]"}""");
            string[] words = [.. line.Split(' ').Select(word => string.Format(CultureInfo.InvariantCulture, word, Tool.Parser, rows))];

            Assert.StartsWith($"layerskip: {words[^1]} no/such.jsonl", Tool.RunBad([.. words, "no/such.jsonl"]), StringComparison.Ordinal);
            Assert.StartsWith($"layerskip: {words[^1]} is empty, expected a ", Tool.RunBad([.. words, ""]), StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Theory]
    [InlineData("from")]
    [InlineData("data")]
    public void Recipes_paths_that_options_give_are_told_by_them(string option)
    {
        using var checkpoint = TokenizedCheckpoint.Write();
        var recipe = checkpoint.PathOf("recipe.json");
        File.WriteAllText(recipe, """{"from": ".", "data": [{"files": ["rows.jsonl"]}], "epochs": 1, "output": "out"}""");

        Assert.StartsWith($"layerskip: --{option} {Path.GetFullPath("no/such")}", Tool.RunBad("train", "--check", "--recipe", recipe, $"--{option}", "no/such"), StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_checkpoint_names_the_file()
    {
        using var checkpoint = TokenizedCheckpoint.Write();
        using (var weights = new FileStream(checkpoint.PathOf("model.safetensors"), FileMode.Open))
        {
            weights.SetLength(weights.Length / 2);
        }

        Assert.StartsWith($"layerskip: --model {checkpoint.PathOf("model.safetensors")}", Tool.RunBad("inspect", "--model", checkpoint.Directory + "/"), StringComparison.Ordinal);

        File.WriteAllText(checkpoint.PathOf("config.json"), "{");
        Assert.StartsWith($"layerskip: --model {checkpoint.PathOf("config.json")}: ", Tool.RunBad("generate", "--prompt", "x", "--model", checkpoint.Directory), StringComparison.Ordinal);
        Assert.StartsWith("layerskip: config.json: ", Tool.RunBad("label", "--data", Tool.Utterances, "--out", "x.jsonl", "--model", checkpoint.Directory, Tool.Parser), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("generate --prompt x")]
    [InlineData("generate --prompt x --json")]
    [InlineData("generate --prompt x --temperature 1")]
    [InlineData("generate --prompt x --exit-layer 2 --num-speculations 3 --compare")]
    [InlineData("bench")]
    [InlineData("correctness --data {data}")]
    [InlineData("sweep --data {data} --output {data}.sweep.jsonl")]
    [InlineData("tune")]
    [InlineData("eval --data {data}")]
    public void Damaged_weights_are_one_line_of_every_command(string command)
    {
        using var checkpoint = TokenizedCheckpoint.Write(TokenizedCheckpoint.Config with { TiedEmbeddings = true });
        checkpoint.Damage(checkpoint.Config.HiddenSize);
        var name = Path.GetFileName(checkpoint.Directory);
        var data = checkpoint.PathOf("rows.jsonl");
        File.WriteAllText(data, "{\"prompt\": \"a\", \"response\": \"b\"}\n");

        var error = Tool.RunBad([.. command.Replace("{data}", data, StringComparison.Ordinal).Split(' '), "--model", checkpoint.Directory]);

        Assert.Equal($"layerskip: {name}: every logit is NaN, expected finite numbers: the weights are damaged", error);
    }

    [Fact]
    public void Damaged_weights_end_a_chat_that_had_no_answer()
    {
        using var checkpoint = TokenizedCheckpoint.Write(TokenizedCheckpoint.Config with { TiedEmbeddings = true });
        checkpoint.Damage(checkpoint.Config.HiddenSize);

        var result = Tool.RunWithInput("hello\n", "chat", "--model", checkpoint.Directory);

        Assert.Equal(CommandLine.BadInput, result.ExitCode);
        Assert.Equal(["no answer", $"layerskip: {Path.GetFileName(checkpoint.Directory)}: every logit is NaN, expected finite numbers: the weights are damaged"], result.Error.TrimEnd().Split(Environment.NewLine)[^2..]);
    }

    [Fact]
    public void Unknown_tokenizer_names_file_and_type()
    {
        using var checkpoint = TokenizedCheckpoint.Write();
        checkpoint.Edit("tokenizer.json", json => json["model"]!["type"] = "Unigram");

        var error = Tool.RunBad("generate", "--prompt", "x", "--model", checkpoint.Directory);

        Assert.Contains("tokenizer.json", error, StringComparison.Ordinal);
        Assert.Contains("Unigram", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Control_characters_do_not_reach_the_terminal()
    {
        var error = Tool.RunBad("inspect", "--model", "no\u001b[2Jsuch\nmodel");

        Assert.DoesNotContain('\u001b', error);
    }

    [Theory]
    [InlineData("@no-such-file")]
    [InlineData("-x and more")]
    [InlineData("--and more")]
    public void Text_may_look_like_an_option_or_a_response_file(string text)
    {
        var pieces = Tool.RunJson("tokenize", "--model", Tool.Parser, "--text", text).GetProperty("pieces");

        Assert.Equal(text, string.Concat(pieces.EnumerateArray().Select(piece => piece.GetString())).Replace('Ġ', ' '));
    }
}
