using LayerSkip.AI.ChatTemplates;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.AI.Tests.ChatTemplates;

/// <summary>Where a checkpoint's template and special tokens come from, and what a damaged checkpoint gives.</summary>
public sealed class ChatTemplateFilesTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("chat-template-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Template_file_comes_before_the_tokenizers()
    {
        Write("tokenizer_config.json", """{"chat_template": "config", "bos_token": "<s>"}""");
        Assert.Equal("config", Render());

        Write("chat_template.jinja", "\uFEFFfile {{ bos_token }}");
        Assert.Equal("file <s>", Render());
    }

    [Fact]
    public void Named_templates_are_chosen_by_whether_there_are_tools()
    {
        Write("tokenizer_config.json", """{"chat_template": [{"name": "tool_use", "template": "with tools"}, {"name": "default", "template": "plain"}]}""");

        Assert.Equal("plain", Render());
        Assert.Equal("with tools", Render(withTools: true));
    }

    [Fact]
    public void Tool_template_stands_beside_the_template_file()
    {
        Write("chat_template.jinja", "plain");
        Assert.Equal("plain", Render(withTools: true));

        Write("additional_chat_templates/tool_use.jinja", "with tools");
        Assert.Equal("plain", Render());
        Assert.Equal("with tools", Render(withTools: true));

        Write("additional_chat_templates/tool_use.jinja", "\n{{ (");
        var exception = Assert.Throws<CheckpointException>(() => Render());
        Assert.Contains("tool_use.jinja", exception.Message, StringComparison.Ordinal);
        Assert.Contains("line 2", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Special_tokens_are_texts_or_objects_from_both_files()
    {
        Write("tokenizer_config.json", """{"chat_template": "", "bos_token": {"__type": "AddedToken", "content": "<s>"}, "pad_token": null, "add_bos_token": true, "image_token": "<image>"}""");
        Write("special_tokens_map.json", """{"bos_token": "<other>", "eos_token": {"content": "</s>"}, "additional_special_tokens": ["<a>"]}""");

        Assert.Equal(
            new Dictionary<string, string> { ["bos_token"] = "<s>", ["image_token"] = "<image>", ["eos_token"] = "</s>" },
            ChatTemplate.LoadFrom(_folder.FullName)!.SpecialTokens);
    }

    [Theory]
    [InlineData("""{"chat_template": "", "tokenizer_class": "LlamaTokenizer"}""", "<s>", "</s>")]
    [InlineData("""{"chat_template": "", "tokenizer_class": "LlamaTokenizerFast", "bos_token": null, "eos_token": "<end>"}""", null, "<end>")]
    [InlineData("""{"chat_template": "", "tokenizer_class": "PreTrainedTokenizerFast"}""", null, null)]
    public void Llamas_own_tokenizers_have_special_tokens_that_no_file_names(string config, string? begin, string? end)
    {
        Write("tokenizer_config.json", config);

        var tokens = ChatTemplate.LoadFrom(_folder.FullName)!.SpecialTokens;
        Assert.Equal((begin, end), (tokens.GetValueOrDefault("bos_token"), tokens.GetValueOrDefault("eos_token")));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"chat_template": null}""")]
    public void Checkpoint_without_template_gives_null(string config)
    {
        Assert.Null(ChatTemplate.LoadFrom(_folder.FullName));

        Write("tokenizer_config.json", config);
        Assert.Null(ChatTemplate.LoadFrom(_folder.FullName));
    }

    [Theory]
    [InlineData("", "tokenizer_config.json")]
    [InlineData("[]", "JSON object")]
    [InlineData("{\"chat_template\": 1}", "chat_template")]
    [InlineData("{\"chat_template\": [1]}", "chat_template")]
    [InlineData("{\"chat_template\": [{\"name\": \"x\"}]}", "template")]
    [InlineData("{\"chat_template\": [{\"name\": \"x\", \"template\": \"\"}]}", "\"default\"")]
    [InlineData("{\"chat_template\": \"{{\"}", "line 1")]
    [InlineData("{\"chat_template\": \"\\ud800\"}", "Unicode")]
    [InlineData("{\"\\ud800_token\": \"\"}", "Unicode")]
    [InlineData("{\"bos_token\": \"\\udc00\"}", "Unicode")]
    [InlineData("{\"bos_token\": 3}", "bos_token")]
    [InlineData("{\"bos_token\": {\"content\": 3}}", "bos_token")]
    [InlineData("{\"chat_template\": \"a\"", "tokenizer_config.json cannot be read from line 1, byte ")]
    public void Damaged_config_is_named(string config, string named)
    {
        Write("tokenizer_config.json", config);

        var exception = Assert.Throws<CheckpointException>(() => ChatTemplate.LoadFrom(_folder.FullName));

        Assert.Contains("tokenizer_config.json", exception.Message, StringComparison.Ordinal);
        Assert.Contains(named, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Deep_json_is_refused()
    {
        Write("tokenizer_config.json", "{\"a\":" + new string('[', 100_000));

        Assert.Throws<CheckpointException>(() => ChatTemplate.LoadFrom(_folder.FullName));
    }

    [Fact]
    public void Invalid_utf8_and_oversized_files_are_refused()
    {
        File.WriteAllBytes(Path.Combine(_folder.FullName, "chat_template.jinja"), [0x61, 0xFF]);
        Assert.Contains("UTF-8", Assert.Throws<CheckpointException>(() => ChatTemplate.LoadFrom(_folder.FullName)).Message, StringComparison.Ordinal);

        File.WriteAllBytes(Path.Combine(_folder.FullName, "chat_template.jinja"), new byte[(4 << 20) + 1]);
        Assert.Contains("larger", Assert.Throws<CheckpointException>(() => ChatTemplate.LoadFrom(_folder.FullName)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("chat_template.jinja")]
    [InlineData("tokenizer_config.json")]
    public void Files_that_cannot_be_read_are_named(string name)
    {
        Write(name, "{}");
        using var locked = new FileStream(Path.Combine(_folder.FullName, name), FileMode.Open, FileAccess.ReadWrite, FileShare.None);

        var exception = Assert.Throws<CheckpointException>(() => ChatTemplate.LoadFrom(_folder.FullName));

        Assert.Contains($"{name} cannot be read: ", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_folder_is_named() =>
        Assert.Contains("nowhere", Assert.Throws<CheckpointException>(() => ChatTemplate.LoadFrom(Path.Combine(_folder.FullName, "nowhere"))).Message, StringComparison.Ordinal);

    private string Render(bool withTools = false) => ChatTemplate.LoadFrom(_folder.FullName)!.Render(new ChatTemplateContext
    {
        Messages = [],
        Tools = withTools ? [System.Text.Json.JsonDocument.Parse("{}").RootElement] : [],
    }).Text;

    private void Write(string name, string text)
    {
        var path = Path.Combine(_folder.FullName, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
