using System.Text;
using System.Text.Json;
using LayerSkip.AI.ChatTemplates.Jinja;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Checkpoints.Gguf;

namespace LayerSkip.AI.ChatTemplates;

/// <summary>What a checkpoint's files say about its chat template.</summary>
/// <param name="Template">The template, null where there is none.</param>
/// <param name="ToolTemplate">The template for conversations with tools, null where the other serves.</param>
/// <param name="SpecialTokens">Texts of special tokens by name.</param>
internal sealed record ChatTemplateFiles(ChatTemplateSource? Template, ChatTemplateSource? ToolTemplate, IReadOnlyDictionary<string, string> SpecialTokens)
{
    private const int MaxJsonBytes = 16 << 20;
    private const int MaxTemplateBytes = 4 << 20;

    private static readonly (string Name, string Text)[] s_llamaTokens = [("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>")];

    private static readonly UTF8Encoding s_strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Texts of special tokens as templates know them: of Hugging Face's classes of Llama tokenizers also those that no file names.</summary>
    public IReadOnlyDictionary<string, string> TemplateTokens
    {
        get
        {
            var tokens = new Dictionary<string, string>(SpecialTokens);
            foreach (var (name, text) in DefaultTokens)
            {
                tokens.TryAdd(name, text);
            }

            return tokens;
        }
    }

    private IReadOnlyList<(string Name, string Text)> DefaultTokens { get; init; } = [];

    public static ChatTemplateFiles Read(string path) => File.Exists(path) ? ReadGguf(path) : ReadDirectory(path);

    private static ChatTemplateFiles ReadGguf(string path)
    {
        var file = GgufChatTemplate.Read(path);
        return new(Source(file.Text, ""), Source(file.ToolText, ".tool_use"), file.SpecialTokens);

        ChatTemplateSource? Source(string? text, string ending) => text is null ? null : new(text, $"{path}: tokenizer.chat_template{ending}");
    }

    private static ChatTemplateFiles ReadDirectory(string directory)
    {
        if (!Directory.Exists(directory))
        {
            throw new CheckpointException($"{directory}: does not exist, expected a checkpoint's directory, or a GGUF file.");
        }

        var configPath = Path.Combine(directory, "tokenizer_config.json");
        var mapPath = Path.Combine(directory, "special_tokens_map.json");
        using var config = ReadJson(configPath);
        using var map = ReadJson(mapPath);
        var specialTokens = new Dictionary<string, string>();
        foreach (var (name, text) in Decoding(configPath, () => ReadSpecialTokens(config, configPath)).Concat(Decoding(mapPath, () => ReadSpecialTokens(map, mapPath))))
        {
            specialTokens.TryAdd(name, text);
        }

        var defaults = LlamaDefaults(config);
        var templatePath = Path.Combine(directory, "chat_template.jinja");
        if (File.Exists(templatePath))
        {
            var toolPath = Path.Combine(directory, "additional_chat_templates", "tool_use.jinja");
            return new(new(ReadText(templatePath), templatePath), File.Exists(toolPath) ? new(ReadText(toolPath), toolPath) : null, specialTokens) { DefaultTokens = defaults };
        }

        var (template, toolTemplate) = Decoding(configPath, () => ReadTemplates(config, configPath));
        return new(template, toolTemplate, specialTokens) { DefaultTokens = defaults };
    }

    private static (ChatTemplateSource? Template, ChatTemplateSource? ToolTemplate) ReadTemplates(JsonDocument? config, string path)
    {
        if (config is null || !config.RootElement.TryGetProperty("chat_template", out var field) || field.ValueKind == JsonValueKind.Null)
        {
            return (null, null);
        }

        if (field.ValueKind == JsonValueKind.String)
        {
            return (new(field.GetString()!, $"{path}: chat_template"), null);
        }

        if (field.ValueKind != JsonValueKind.Array)
        {
            throw new CheckpointException($"{path}: chat_template must be a string or a list of named templates, not {field.ValueKind}.");
        }

        var templates = new Dictionary<string, ChatTemplateSource>();
        foreach (var entry in field.EnumerateArray())
        {
            if (entry.ValueKind != JsonValueKind.Object
                || !entry.TryGetProperty("name", out var name) || name.ValueKind != JsonValueKind.String
                || !entry.TryGetProperty("template", out var template) || template.ValueKind != JsonValueKind.String)
            {
                throw new CheckpointException($"{path}: each entry of chat_template must be an object with the strings \"name\" and \"template\".");
            }

            templates[name.GetString()!] = new(template.GetString()!, $"{path}: chat_template {JinjaException.Quote(name.GetString()!)}");
        }

        return templates.TryGetValue("default", out var standard)
            ? (standard, templates.GetValueOrDefault("tool_use"))
            : throw new CheckpointException($"{path}: chat_template has no template named \"default\"; it has {JinjaException.Shorten(string.Join(", ", templates.Keys))}.");
    }

    // Fields such as "bos_token": a text, or an object with the text as "content". Others that end so ("add_bos_token") are flags.
    private static List<(string Name, string Text)> ReadSpecialTokens(JsonDocument? document, string path)
    {
        var tokens = new List<(string, string)>();
        foreach (var field in document is null ? [] : document.RootElement.EnumerateObject().Where(field => field.Name.EndsWith("_token", StringComparison.Ordinal)))
        {
            switch (field.Value.ValueKind)
            {
                case JsonValueKind.String:
                    tokens.Add((field.Name, field.Value.GetString()!));
                    break;
                case JsonValueKind.Object when field.Value.TryGetProperty("content", out var content) && content.ValueKind == JsonValueKind.String:
                    tokens.Add((field.Name, content.GetString()!));
                    break;
                case JsonValueKind.Null or JsonValueKind.True or JsonValueKind.False:
                    break;
                default:
                    throw new CheckpointException($"{path}: {JinjaException.Shorten(field.Name)} must be a string or an object with the string \"content\", not {field.Value.ValueKind}.");
            }
        }

        return tokens;
    }

    private static (string Name, string Text)[] LlamaDefaults(JsonDocument? config)
    {
        if (config is null || !config.RootElement.TryGetProperty("tokenizer_class", out var type) || type.ValueKind != JsonValueKind.String
            || type.GetString() is not ("LlamaTokenizer" or "LlamaTokenizerFast" or "CodeLlamaTokenizer" or "CodeLlamaTokenizerFast"))
        {
            return [];
        }

        return [.. s_llamaTokens.Where(token => !config.RootElement.TryGetProperty(token.Name, out _))];
    }

    // System.Text.Json notices a lone surrogate ("\ud800") only when the string is asked for.
    private static T Decoding<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (InvalidOperationException exception)
        {
            throw new CheckpointException($"{path} holds a string that is not valid Unicode text: {exception.Message}", exception);
        }
    }

    private static JsonDocument? ReadJson(string path)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        // A decoded text rather than bytes: System.Text.Json would find invalid UTF-8 only later, string by string.
        var text = ReadText(path, MaxJsonBytes);
        try
        {
            var document = JsonDocument.Parse(text);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? document
                : throw new CheckpointException($"{path} must hold a JSON object, not {document.RootElement.ValueKind}.");
        }
        catch (JsonException exception)
        {
            throw new CheckpointException(
                $"{path} cannot be read from line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1} on, expected JSON that is whole and not nested more than 64 deep.", exception);
        }
    }

    private static string ReadText(string path, int maxBytes = MaxTemplateBytes)
    {
        try
        {
            return s_strictUtf8.GetString(ReadBytes(path, maxBytes)).TrimStart('\uFEFF');
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new CheckpointException($"{path} cannot be read: {exception.Message}", exception);
        }
        catch (DecoderFallbackException exception)
        {
            throw new CheckpointException($"{path} is not valid UTF-8.", exception);
        }
    }

    // To the limit rather than by the length: a link may lead to a file without end.
    private static byte[] ReadBytes(string path, int maxBytes)
    {
        using var file = File.OpenRead(path);
        using var bytes = new MemoryStream();
        var buffer = new byte[81920];
        for (int read; (read = file.Read(buffer)) > 0;)
        {
            bytes.Write(buffer, 0, read);
            if (bytes.Length > maxBytes)
            {
                throw new CheckpointException($"{path} is larger than the {maxBytes} bytes such a file may have.");
            }
        }

        return bytes.ToArray();
    }
}
