using System.Text.Json;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.Tests;

namespace LayerSkip.AI.Tests.Tools;

/// <summary>Chat templates with and without tools.</summary>
internal static class ToolTemplates
{
    private const string ChatMlSource =
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

    private const string HermesSource = """
        {%- if tools %}<|im_start|>system
        Tools:{% for tool in tools %}{{ '\n' }}{{ tool | tojson }}{% endfor %}<|im_end|>
        {% endif %}
        {%- for m in messages %}<|im_start|>{{ m.role }}
        {{ m.content or '' }}
        {%- for call in m.tool_calls or [] %}{{ '\n<tool_call>' }}
        {"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
        </tool_call>{% endfor %}<|im_end|>
        {% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
        {% endif %}
        """;

    private const string MistralSource = """
        {%- if tools %}[AVAILABLE_TOOLS] {{ tools | tojson }}[/AVAILABLE_TOOLS]{% endif %}
        {%- for m in messages %}
        {%- if m.tool_calls %}{{ '[TOOL_CALLS] [' }}
        {%- for call in m.tool_calls %}
        {%- if call.id | length != 9 %}{{ raise_exception('Tool call IDs should be alphanumeric strings with length 9!') }}{% endif %}
        {{- (call.function | tojson)[:-1] + ', "id": "' + call.id + '"}' }}{% if not loop.last %}{{ ', ' }}{% endif %}{% endfor %}]
        {%- elif m.role == 'tool' %}
        {%- if m.tool_call_id | length != 9 %}{{ raise_exception('Tool call IDs should be alphanumeric strings with length 9!') }}{% endif %}
        {{- '[TOOL_RESULTS] {"content": ' + m.content + ', "call_id": "' + m.tool_call_id + '"}[/TOOL_RESULTS]' }}
        {%- elif m.role == 'user' %}{{ '[INST] ' + m.content + '[/INST]' }}
        {%- else %}{{ ' ' + m.content }}{% endif %}{% endfor %}
        """;

    /// <summary>ChatML without tools, as SmolLM2 has it.</summary>
    public static ChatTemplate ChatMl { get; } = ChatTemplate.Parse(ChatMlSource);

    /// <summary>ChatML with tools, as Hermes and Qwen have it.</summary>
    public static ChatTemplate Hermes { get; } = ChatTemplate.Parse(HermesSource);

    /// <summary>One call a turn, as Llama 3.x has it.</summary>
    public static ChatTemplate Llama { get; } = ChatTemplate.Parse("""
        {{- '<|begin_of_text|>' }}
        {%- if tools %}<|start_header_id|>system<|end_header_id|>

        {{ tools | tojson }}<|eot_id|>{% endif %}
        {%- for m in messages %}<|start_header_id|>{{ 'ipython' if m.role == 'tool' else m.role }}<|end_header_id|>

        {% if 'tool_calls' in m %}
        {%- if m.tool_calls | length != 1 %}{{ raise_exception('This model only supports single tool-calls at once!') }}{% endif %}
        {{- '{"name": "' + m.tool_calls[0].function.name + '", "parameters": ' + (m.tool_calls[0].function.arguments | tojson) + '}' }}
        {%- else %}{{ m.content }}{% endif %}<|eot_id|>{% endfor %}
        {%- if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>

        {% endif %}
        """);

    /// <summary>Those of a checkpoint of two: <see cref="Hermes"/> where there are tools, <see cref="ChatMl"/> where there are none, as Hermes 2 and 3 have it.</summary>
    public static ChatTemplate HermesOfTwo { get; } = LoadOfTwo();

    /// <summary>Calls as a list, whose ids it checks, as Mistral 7B 0.3 has it.</summary>
    public static ChatTemplate Mistral { get; } = ChatTemplate.Parse(MistralSource);

    /// <summary>The same without the space behind the mark, as Nemo has it.</summary>
    public static ChatTemplate MistralNemo { get; } = ChatTemplate.Parse(MistralSource.Replace("[TOOL_CALLS] [", "[TOOL_CALLS][", StringComparison.Ordinal));

    /// <summary>Calls in a format of its own, whose ids it checks.</summary>
    public static ChatTemplate OfItsOwn { get; } = ChatTemplate.Parse("""
        {%- if tools %}[AVAILABLE_TOOLS]{{ tools | tojson }}[/AVAILABLE_TOOLS]{% endif %}
        {%- for m in messages %}
        {%- if m.tool_calls %}[CALLS]
        {%- for call in m.tool_calls %}
        {%- if call.id | length != 9 %}{{ raise_exception('Tool call IDs should be alphanumeric strings with length 9!') }}{% endif %}
        {{- call.function | tojson }}{% endfor %}
        {%- elif m.role == 'tool' %}[TOOL_RESULTS]{{ m.content }}[/TOOL_RESULTS]
        {%- elif m.role == 'user' %}[INST]{{ m.content }}[/INST]
        {%- else %}{{ m.content }}{% endif %}{% endfor %}
        """);

    /// <summary>A template of the reference data by its model's name; skips the test where it is absent.</summary>
    public static ChatTemplate Shared(string name)
    {
        var item = SharedData.RequireJson("chat-templates/rendered.json").EnumerateArray().First(item => item.GetProperty("name").GetString() == name);
        var context = item.GetProperty("context");
        var tokens = string.Concat(((string[])["bos_token", "eos_token"]).Select(token => $"{{%- set {token} = '{context.GetProperty(token)}' -%}}"));
        return ChatTemplate.Parse(tokens + item.GetProperty("template").GetString());
    }

    private static ChatTemplate LoadOfTwo()
    {
        var folder = Directory.CreateTempSubdirectory("chat-template-");
        try
        {
            File.WriteAllText(Path.Combine(folder.FullName, "tokenizer_config.json"), JsonSerializer.Serialize(new
            {
                chat_template = new[] { new { name = "default", template = ChatMlSource }, new { name = "tool_use", template = HermesSource } },
            }));
            return ChatTemplate.LoadFrom(folder.FullName)!;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
