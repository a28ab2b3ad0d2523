using LayerSkip.AI.ChatTemplates.Jinja;
using LayerSkip.AI.ChatTemplates.Jinja.Values;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.AI.ChatTemplates;

/// <summary>A checkpoint's own chat template: turns a conversation into the prompt the model was trained on.</summary>
/// <remarks>
/// <para>
/// Templates are Jinja, in the dialect Hugging Face transformers renders them with. They come with the checkpoint and are run in a
/// sandbox: no reflection, no access to anything but the context, and bounds on steps, nesting and sizes. The prompt remembers
/// where each character came from, so that a message cannot forge control tokens.
/// </para>
/// <para>Immutable and safe for concurrent use.</para>
/// <para>
/// Where it differs from Jinja: nothing is ever escaped, and <c>safe</c> does nothing; ranges, dict views and what filters give are
/// lists; recursive loops, template inheritance, <c>include</c>, <c>import</c> and the filters that chat templates do not use are refused.
/// </para>
/// </remarks>
public sealed class ChatTemplate
{
    private const string DefaultSource =
        "{% for message in messages %}{{ message.role }}: {{ message.content or '' }}{{ '\\n' }}{% endfor %}"
        + "{% if add_generation_prompt %}assistant:{% endif %}";

    private readonly JinjaTemplate _template;
    private readonly JinjaTemplate? _toolTemplate;

    private ChatTemplate(string source, JinjaTemplate template, JinjaTemplate? toolTemplate, IReadOnlyDictionary<string, string> specialTokens)
    {
        Source = source;
        SpecialTokens = specialTokens;
        _template = template;
        _toolTemplate = toolTemplate;
    }

    /// <summary>For a checkpoint without a template: each message as a line "role: content", then "assistant:". Tools are left out.</summary>
    public static ChatTemplate Default { get; } = Parse(DefaultSource);

    /// <summary>The template as it was written.</summary>
    public string Source { get; }

    /// <summary>Texts of the checkpoint's special tokens by variable name (<c>bos_token</c>), which the template may use. Empty where parsed from text.</summary>
    public IReadOnlyDictionary<string, string> SpecialTokens { get; }

    /// <summary>Parses a template.</summary>
    /// <param name="source">At most 1,048,576 UTF-16 code units of Jinja.</param>
    /// <exception cref="ChatTemplateException">The template is not well formed, too long, or nested too deeply.</exception>
    public static ChatTemplate Parse(string source)
    {
        ArgumentNullException.ThrowIfNull(source);
        return new ChatTemplate(source, JinjaTemplate.Parse(source, JinjaLimits.Default), toolTemplate: null, new Dictionary<string, string>());
    }

    /// <summary>Loads a checkpoint's template and special tokens.</summary>
    /// <remarks>
    /// The template is <c>chat_template.jinja</c> if there is one, otherwise <c>chat_template</c> in <c>tokenizer_config.json</c>: a text, or
    /// a list of named templates, of which "default" is taken, and "tool_use" where a context has tools. Special tokens are those of
    /// <c>tokenizer_config.json</c>, then those of <c>special_tokens_map.json</c>, then those that Hugging Face's Llama tokenizers have by themselves. In a GGUF file it is <c>tokenizer.chat_template</c>, with
    /// <c>tokenizer.chat_template.tool_use</c> where a context has tools.
    /// </remarks>
    /// <param name="path">The checkpoint's folder or GGUF file.</param>
    /// <returns>The template, or null where the checkpoint has none (<see cref="Default"/> may serve).</returns>
    /// <exception cref="CheckpointException">The folder does not exist, or a file in it is damaged, too large, or holds no valid template.</exception>
    public static ChatTemplate? LoadFrom(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        var files = ChatTemplateFiles.Read(path);
        return files.Template is { } template
            ? new ChatTemplate(template.Text, template.Parse(), files.ToolTemplate?.Parse(), files.TemplateTokens)
            : null;
    }

    /// <summary>Renders a conversation.</summary>
    /// <param name="context">The conversation and its variables.</param>
    /// <exception cref="ChatTemplateException">
    /// The template fails, refuses the conversation (<see cref="ChatTemplateException.Refusal"/>), or exceeds a limit of the sandbox.
    /// </exception>
    /// <exception cref="ArgumentException"><see cref="TemplateValue.FromJson"/> refuses a tool or a tool call's arguments.</exception>
    public RenderedPrompt Render(ChatTemplateContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return Render(context, JinjaLimits.Default);
    }

    internal RenderedPrompt Render(ChatTemplateContext context, JinjaLimits limits)
    {
        var template = context.Tools.Count > 0 ? _toolTemplate ?? _template : _template;
        var prompt = template.Render(Variables(context), context.TimeProvider, limits);
        var segments = new PromptSegment[prompt.Runs.Length];
        var start = 0;
        for (var i = 0; i < segments.Length; i++)
        {
            segments[i] = new PromptSegment(start, prompt.Runs[i].End - start, prompt.Runs[i].Origin);
            start = prompt.Runs[i].End;
        }

        return new RenderedPrompt(prompt.Text, segments);
    }

    private Dictionary<string, Value> Variables(ChatTemplateContext context)
    {
        // transformers passes tools and documents always, and templates rely on it.
        var variables = new Dictionary<string, Value>
        {
            ["messages"] = TemplateValue.FromList(context.Messages.Select(message => message.ToValue())).Value,
            ["tools"] = context.Tools.Count == 0
                ? NoneValue.Instance
                : TemplateValue.FromList(context.Tools.Select(tool => TemplateValue.FromJson(tool))).Value,
            ["documents"] = NoneValue.Instance,
            ["add_generation_prompt"] = BooleanValue.Of(context.AddGenerationPrompt),
        };
        foreach (var (name, text) in SpecialTokens.Concat(context.SpecialTokens))
        {
            variables[name] = StringValue.Of(text, PromptOrigin.Template);
        }

        foreach (var (name, value) in context.Variables)
        {
            variables[name] = value.Value;
        }

        return variables;
    }
}
