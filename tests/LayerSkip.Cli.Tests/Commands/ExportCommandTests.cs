using LayerSkip.AI;
using LayerSkip.Tests;
using Microsoft.Extensions.AI;

namespace LayerSkip.Cli.Tests.Commands;

public sealed class ExportCommandTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("layerskip-");

    private string Target => Path.Combine(_folder.FullName, "parser.gguf");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void A_file_is_understood_as_its_source_is()
    {
        var written = Tool.RunJson("export", "--model", Tool.Parser, "--gguf", Target);
        Assert.Equal("bf16", written.GetProperty("dtype").GetString());
        Assert.Equal(new FileInfo(Target).Length, written.GetProperty("bytes").GetInt64());

        var (source, file) = (Tool.RunJson("inspect", "--model", Tool.Parser), Tool.RunJson("inspect", "--model", Target));
        Assert.Equal("parser", file.GetProperty("model").GetString());
        Assert.Equal(Target, file.GetProperty("path").GetString());
        foreach (var field in (string[])["architecture", "config", "parameters", "memory", "layerskip", "generation"])
        {
            Assert.Equal(source.GetProperty(field).GetRawText(), file.GetProperty(field).GetRawText());
        }

        Assert.Equal(source.GetProperty("chat_template").GetProperty("template").GetString(), file.GetProperty("chat_template").GetProperty("template").GetString());
        Assert.Equal("parser.gguf", file.GetProperty("tokenizer").GetProperty("source").GetString());
        Assert.Equal(source.GetProperty("tokenizer").GetProperty("special_tokens").GetRawText(), file.GetProperty("tokenizer").GetProperty("special_tokens").GetRawText());
    }

    [Theory]
    [InlineData("f32")]
    [InlineData("bf16")]
    public void A_file_answers_as_its_source_does(string type)
    {
        Tool.RunJson("export", "--model", Tool.Parser, "--gguf", Target, "--dtype", type);
        foreach (var prompt in (string[])["remind me to call mom at 5 pm", "Turn off alarms", "Set an alarm for 7 am tomorrow"])
        {
            var source = Tool.RunJson("generate", "--model", Tool.Parser, "--chat", "--prompt", prompt, "--dtype", "f32");
            var file = Tool.RunJson("generate", "--model", Target, "--chat", "--prompt", prompt, "--dtype", "f32");
            foreach (var field in (string[])["mode", "exit_layer", "num_speculations", "prompt_ids", "tokens", "text", "finish_reason"])
            {
                Assert.Equal(source.GetProperty(field).GetRawText(), file.GetProperty(field).GetRawText());
            }
        }
    }

    [Theory]
    [InlineData("q8_0", "int8")]
    [InlineData("q4_0", "int4")]
    public void Blocks_are_kept_by_every_command(string type, string format)
    {
        Tool.RunJson("export", "--model", Tool.Parser, "--gguf", Target, "--dtype", type);
        Assert.Equal(format, Tool.RunJson("inspect", "--model", Target).GetProperty("memory").GetProperty("auto").GetString());
        var bench = Tool.RunJson("bench", "--model", Target, "--runs", "1", "--max-tokens", "8", "--prompt-tokens", "8", "--threads", "1");
        Assert.Equal((format, true), (bench.GetProperty("weight_format").GetString(), bench.GetProperty("identical").GetBoolean()));

        // Exported again, from the file, the blocks are the same.
        var second = Path.Combine(_folder.FullName, "second.gguf");
        Assert.Equal(type, Tool.RunJson("export", "--model", Target, "--gguf", second).GetProperty("dtype").GetString());
        Assert.Equal(Answer(Target), Answer(second));

        static string Answer(string path) =>
            Tool.RunJson("generate", "--model", path, "--chat", "--prompt", "Turn off alarms").GetProperty("tokens").GetRawText();
    }

    [Fact]
    public async Task The_chat_client_takes_a_file_as_its_model()
    {
        Tool.RunJson("export", "--model", Tool.Parser, "--gguf", Target);
        Assert.True(new LayerSkipOptionsValidator().Validate(null, new LayerSkipOptions { ModelPath = Target }).Succeeded);
        using var source = LayerSkipChatClient.Load(Tool.Parser);
        using var file = LayerSkipChatClient.Load(Target);
        Assert.Equal(
            (await source.GetResponseAsync("remind me to call mom at 5 pm")).Text,
            (await file.GetResponseAsync("remind me to call mom at 5 pm")).Text);
    }

    [Fact]
    public void Tokens_and_templates_come_from_the_file()
    {
        Tool.RunJson("export", "--model", Tool.Parser, "--gguf", Target);
        var context = Path.Combine(_folder.FullName, "context.json");
        File.WriteAllText(context, """{"messages": [{"role": "user", "content": "Turn off alarms"}], "add_generation_prompt": true}""");
        Assert.Equal(
            Tool.Run("template", "--model", Tool.Parser, "--context", context),
            Tool.Run("template", "--model", Target, "--context", context));
        Assert.Equal(
            Tool.Run("tokenize", "--model", Tool.Parser, "--text", "call mom <|end|> at 5 pm"),
            Tool.Run("tokenize", "--model", Target, "--text", "call mom <|end|> at 5 pm"));
    }

    [Fact]
    public void A_template_for_tools_goes_along()
    {
        var source = CopyParser();
        File.WriteAllText(Path.Combine(source, "chat_template.jinja"), "plain {{ messages[0].content }}");
        Directory.CreateDirectory(Path.Combine(source, "additional_chat_templates"));
        File.WriteAllText(Path.Combine(source, "additional_chat_templates", "tool_use.jinja"), "{{ eos_token }} {{ tools | length }} tool");
        Tool.RunJson("export", "--model", source, "--gguf", Target);

        Assert.Equal("plain hello", Render("[]"));
        Assert.Equal("<|end|> 1 tool", Render("""[{"type": "function", "function": {"name": "f", "parameters": {}}}]"""));

        string Render(string tools)
        {
            var context = Path.Combine(_folder.FullName, "context.json");
            File.WriteAllText(context, $$"""{"messages": [{"role": "user", "content": "hello"}], "tools": {{tools}}}""");
            return Tool.Run("template", "--model", Target, "--context", context).Output;
        }
    }

    [Fact]
    public void Interrupt_ends_it_and_leaves_no_file()
    {
        using var interrupt = new Interrupt();
        interrupt.Raise();

        Assert.Equal(
            CommandLine.Interrupted,
            CommandLine.Invoke(["export", "--model", Tool.Parser, "--gguf", Target], new Terminal(TextWriter.Null, TextWriter.Null, Stream.Null, interrupt)));
        Assert.Empty(_folder.GetFiles());
    }

    [Fact]
    public void What_cannot_be_done_is_told_in_a_line_and_leaves_an_earlier_file()
    {
        File.WriteAllText(Target, "before");
        using var bare = TinyCheckpoint.Write();
        Assert.Contains("found no tokenizer", Tool.RunBad("export", "--model", bare.Directory, "--gguf", Target), StringComparison.Ordinal);
        Assert.Equal("before", File.ReadAllText(Target));
        Assert.Contains("a directory, expected a file", Tool.RunBad("export", "--model", Tool.Parser, "--gguf", _folder.FullName), StringComparison.Ordinal);
        Assert.Contains("--dtype is 'q5_1', expected", Tool.RunBad("export", "--model", Tool.Parser, "--gguf", Target, "--dtype", "q5_1"), StringComparison.Ordinal);
        Assert.Contains("does not begin with 'GGUF'", Tool.RunBad("inspect", "--model", Target), StringComparison.Ordinal);
        Assert.Equal("before", File.ReadAllText(Target));
    }

    [Fact]
    public void A_source_is_never_overwritten()
    {
        Tool.RunJson("export", "--model", Tool.Parser, "--gguf", Target);
        var link = Path.Combine(_folder.FullName, "link.gguf");
        File.CreateSymbolicLink(link, "parser.gguf");
        foreach (var (model, target) in ((string, string)[])[(Target, Target), (Target, Path.Combine(_folder.FullName, ".", "parser.gguf")), (link, Target), (Target, link)])
        {
            Refused(Target, "which --model reads, expected another file", "--model", model, "--gguf", target, "--dtype", "q4_0");
        }

        var source = CopyParser();
        var weights = Path.Combine(source, "model.safetensors");
        var inside = Path.Combine(source, "model.gguf");
        File.CreateSymbolicLink(inside, "model.safetensors");
        foreach (var target in (string[])[weights, inside, Path.Combine(source, "tokenizer.json")])
        {
            Refused(weights, "which --model reads, expected another file", "--model", source, "--gguf", target);
        }

        // An export that lies beside the weights is none of them.
        File.Delete(inside);
        Tool.RunJson("export", "--model", source, "--gguf", inside);
        Tool.RunJson("export", "--model", source, "--gguf", inside);

        static void Refused(string kept, string message, params string[] options)
        {
            var before = File.ReadAllBytes(kept);
            Assert.Contains(message, Tool.RunBad(["export", .. options]), StringComparison.Ordinal);
            Assert.Equal(before, File.ReadAllBytes(kept));
        }
    }

    [Fact]
    public void Tokenizers_that_a_file_cannot_tell_are_refused()
    {
        var folder = CopyParser();
        File.Delete(Path.Combine(folder, "tokenizer_config.json")); // which lists the added tokens, too
        var tokenizer = File.ReadAllText(Path.Combine(Tool.Parser, "tokenizer.json"));
        Expect("has lstrip, rstrip or single_word", tokenizer => Replace(tokenizer, "\"lstrip\"", "false", "true"));
        Expect("normalizer is an object, expected null", tokenizer => Replace(tokenizer, "\"normalizer\"", "null", """{"type": "NFC"}"""));
        Expect("expected a splitting that GGUF has a name for", tokenizer => Replace(tokenizer, "\"use_regex\"", "true", "false"));

        void Expect(string message, Func<string, string> change)
        {
            File.WriteAllText(Path.Combine(folder, "tokenizer.json"), change(tokenizer));
            Assert.Contains(message, Tool.RunBad("export", "--model", folder, "--gguf", Target), StringComparison.Ordinal);
            Assert.False(File.Exists(Target));
        }

        static string Replace(string text, string field, string before, string after)
        {
            var at = text.IndexOf(before, text.IndexOf(field, StringComparison.Ordinal), StringComparison.Ordinal);
            return string.Concat(text.AsSpan(0, at), after, text.AsSpan(at + before.Length));
        }
    }

    private string CopyParser()
    {
        var folder = Path.Combine(_folder.FullName, "source");
        Directory.CreateDirectory(folder);
        foreach (var path in Directory.GetFiles(Tool.Parser, "*.json").Append(Path.Combine(Tool.Parser, "model.safetensors")))
        {
            File.Copy(path, Path.Combine(folder, Path.GetFileName(path)));
        }

        return folder;
    }
}
