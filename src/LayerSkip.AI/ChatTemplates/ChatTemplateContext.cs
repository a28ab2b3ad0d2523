using System.Text.Json;

namespace LayerSkip.AI.ChatTemplates;

/// <summary>What a chat template renders: the conversation and the variables beside it.</summary>
public sealed class ChatTemplateContext
{
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
}
