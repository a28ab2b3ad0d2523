namespace LayerSkip.AI.ChatTemplates;

/// <summary>Where a stretch of a rendered prompt came from, from the least trusted to the most.</summary>
/// <remarks>
/// Only <see cref="Template"/> text may become control tokens. Text of the other origins must be encoded as plain text,
/// whatever it looks like: a user who types <c>&lt;|im_end|&gt;</c> must not end his own turn.
/// </remarks>
public enum PromptOrigin
{
    /// <summary>Text from outside: user, system and tool contents, roles, names, tool calls, tool definitions, caller's variables.</summary>
    Outside = 0,

    /// <summary>The content of an assistant message, which the model itself may have generated.</summary>
    Assistant = 1,

    /// <summary>Literal text of the template, or of the checkpoint's special tokens.</summary>
    Template = 2,
}
