using System.Text.Json;

namespace LayerSkip.AI.ChatTemplates;

/// <summary>What a chat template renders: the conversation and the variables beside it.</summary>
public sealed class ChatTemplateContext
{
    private const string MessagesName = "messages";
    private const string ToolsName = "tools";
    private const string AddGenerationPromptName = "add_generation_prompt";

    /// <summary>The conversation, oldest message first (<c>messages</c>).</summary>
    public required IReadOnlyList<TemplateMessage> Messages { get; init; }

    /// <summary>
    /// The tools the model may call (<c>tools</c>, <c>none</c> where empty), each as the template's model knows them, as a rule
    /// <c>{"type": "function", "function": {"name": …, "description": …, "parameters": schema}}</c>. From outside, all of it.
    /// </summary>
    public IReadOnlyList<JsonElement> Tools { get; init; } = [];

    /// <summary>Whether the prompt ends where the assistant is to speak (<c>add_generation_prompt</c>). True unless set.</summary>
    public bool AddGenerationPrompt { get; init; } = true;

    /// <summary>
    /// Texts of special tokens by variable name (<c>bos_token</c>). They are trusted as the template's own text, and come before those
    /// of <see cref="ChatTemplate.SpecialTokens"/>.
    /// </summary>
    public IReadOnlyDictionary<string, string> SpecialTokens { get; init; } = new Dictionary<string, string>();

    /// <summary>Further variables (<c>enable_thinking</c>, <c>date_string</c>). They come before all others of the same name.</summary>
    public IReadOnlyDictionary<string, TemplateValue> Variables { get; init; } = new Dictionary<string, TemplateValue>();

    /// <summary>The clock behind <c>strftime_now</c>, read as local time.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Reads a context as Hugging Face's <c>apply_chat_template</c> takes it: messages, tools, and whatever other variables the template knows.</summary>
    /// <param name="context">
    /// A JSON object: <c>{"messages": […], "tools": […], "add_generation_prompt": true, "enable_thinking": false}</c>. Without
    /// <c>add_generation_prompt</c> none is added. All of it is from outside, special tokens such as <c>bos_token</c> included.
    /// </param>
    /// <exception cref="ArgumentException">It is no such object, or <see cref="TemplateMessage.FromJson"/> or <see cref="TemplateValue.FromJson"/> refuses a part.</exception>
    public static ChatTemplateContext FromJson(JsonElement context)
    {
        if (context.ValueKind != JsonValueKind.Object)
        {
            throw new ArgumentException($"A context must be a JSON object, not {context.ValueKind}.", nameof(context));
        }

        var addGenerationPrompt = context.TryGetProperty(AddGenerationPromptName, out var add) ? add.ValueKind : JsonValueKind.False;
        if (addGenerationPrompt is not (JsonValueKind.True or JsonValueKind.False))
        {
            throw new ArgumentException($"A context's \"{AddGenerationPromptName}\" must be true or false, not {addGenerationPrompt}.", nameof(context));
        }

        // As everywhere in JSON, the last field of a name counts.
        var variables = new Dictionary<string, TemplateValue>();
        foreach (var variable in context.EnumerateObject().Where(variable => variable.Name is not (MessagesName or ToolsName or AddGenerationPromptName)))
        {
            variables[variable.Name] = TemplateValue.FromJson(variable.Value);
        }

        return new ChatTemplateContext
        {
            Messages = [.. Items(context, MessagesName).Select(TemplateMessage.FromJson)],
            Tools = [.. Items(context, ToolsName)],
            AddGenerationPrompt = addGenerationPrompt == JsonValueKind.True,
            Variables = variables,
        };
    }

    private static JsonElement.ArrayEnumerator Items(JsonElement context, string name) =>
        !context.TryGetProperty(name, out var list) || list.ValueKind == JsonValueKind.Null ? default
        : list.ValueKind == JsonValueKind.Array ? list.EnumerateArray()
        : throw new ArgumentException($"A context's \"{name}\" must be a list, not {list.ValueKind}.", nameof(context));
}
