using LayerSkip.Engine.Tokenization;

namespace LayerSkip.Engine;

/// <summary>The shape of a <see cref="ScriptedModel"/>, and how well its drafts guess.</summary>
public sealed record ScriptedModelOptions
{
    /// <summary>The model's name.</summary>
    public string Name { get; init; } = "scripted";

    /// <summary>
    /// The tokenizer, such as a real checkpoint's. Null: one without any file, with a token for each byte and the special tokens of ChatML and
    /// Llama 3 (<c>&lt;|im_start|&gt;</c>, <c>&lt;|im_end|&gt;</c>, <c>&lt;|begin_of_text|&gt;</c>, <c>&lt;|eot_id|&gt;</c> …).
    /// </summary>
    public Tokenizer? Tokenizer { get; init; }

    /// <summary>
    /// The tokens that end an answer, as the tokenizer spells them; the model writes the first. Null: the tokenizer's own, which only the
    /// default tokenizer has.
    /// </summary>
    public IReadOnlyList<string>? EndOfSequence { get; init; }

    /// <summary>Layers of the full model, at least 1.</summary>
    public int Layers { get; init; } = 4;

    /// <summary>The exit layer that the model declares, in 1 .. <see cref="Layers"/> - 1; null: none, so that nothing is drafted unless asked for.</summary>
    public int? ExitLayer { get; init; } = 2;

    /// <summary>The speculation length that the model declares, 1 .. 64.</summary>
    public int NumSpeculations { get; init; } = 4;

    /// <summary>
    /// The share of the positions at which the draft wants the same token as the full model, 0 .. 1, spread as if at random and always
    /// alike. Elsewhere it wants another token, which the full model rejects.
    /// </summary>
    public double DraftAccuracy { get; init; } = 1;

    /// <summary>The context in tokens, at least 2.</summary>
    public int ContextLength { get; init; } = 32_768;
}
