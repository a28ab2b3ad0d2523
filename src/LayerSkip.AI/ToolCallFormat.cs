using LayerSkip.AI.ChatTemplates;

namespace LayerSkip.AI;

/// <summary>How a model writes a tool call.</summary>
public enum ToolCallFormat
{
    /// <summary>
    /// For models without a format: the tools are described in the system message, in words of ours, and calls are written as
    /// <see cref="Hermes"/> has them, whatever the <see cref="ChatTemplate"/> does with tools.
    /// </summary>
    Plain,

    /// <summary>
    /// Hermes, Qwen 2.5 and Qwen 3: <c>&lt;tool_call&gt;{"name": …, "arguments": …}&lt;/tool_call&gt;</c>, several times over for several calls,
    /// perhaps after text.
    /// </summary>
    Hermes,

    /// <summary>Llama 3.x: the whole answer is <c>{"name": …, "parameters": …}</c>; further calls follow after a semicolon.</summary>
    Llama3Json,

    /// <summary>Mistral 7B 0.3, Nemo and others of their time: <c>[TOOL_CALLS] [{"name": …, "arguments": …}, …]</c>, perhaps after text. Calls' ids have nine letters or digits.</summary>
    Mistral,
}
