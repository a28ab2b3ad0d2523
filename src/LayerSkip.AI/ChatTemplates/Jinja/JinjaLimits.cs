namespace LayerSkip.AI.ChatTemplates.Jinja;

/// <summary>What a template, which a stranger wrote, may use up. Far above what real templates need for long conversations.</summary>
internal sealed record JinjaLimits
{
    public static JinjaLimits Default { get; } = new();

    /// <summary>UTF-16 code units of template source.</summary>
    public int SourceLength { get; init; } = 1 << 20;

    /// <summary>Expressions and blocks inside each other while parsing.</summary>
    public int SyntaxDepth { get; init; } = 200;

    /// <summary>Expressions, blocks and macro calls inside each other while rendering.</summary>
    public int EvaluationDepth { get; init; } = 500;

    /// <summary>Evaluated nodes; work on texts, names and large integers counts too, <see cref="RenderBudget.CharactersPerStep"/> characters to the step.</summary>
    public int Steps { get; init; } = 5_000_000;

    /// <summary>UTF-16 code units of one text, the output included.</summary>
    public int TextLength { get; init; } = 1 << 24;

    /// <summary>Items of one list.</summary>
    public int Items { get; init; } = 1_000_000;
}
