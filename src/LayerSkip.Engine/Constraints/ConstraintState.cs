using LayerSkip.Engine.Constraints.Nodes;

namespace LayerSkip.Engine.Constraints;

/// <summary>
/// A point in a constrained output: what has been written so far decides it, and it decides what may follow. Immutable, so that going back is
/// keeping a reference.
/// </summary>
internal sealed class ConstraintState(TokenConstraint constraint, GrammarNode node, bool isStart)
{
    private TokenMask? _mask;

    /// <summary>What may still be written.</summary>
    public GrammarNode Node { get; } = node;

    /// <summary>Whether no token with text has been written yet.</summary>
    public bool IsStart { get; } = isStart;

    /// <summary>Whether the output may end here.</summary>
    public bool CanEnd => Node.IsNullable;

    /// <summary>Whether the output may end by a token that stops the model: anywhere it may end, or where the language itself names the token as its last.</summary>
    public bool CanEndBy(int token) => CanEnd || Mask.Closing.Contains(token);

    /// <summary>Whether it must.</summary>
    public bool IsComplete => Node is EmptyNode || (CanEnd && Mask.Count == 0);

    /// <summary>Whether <see cref="Mask"/> has been found already.</summary>
    public bool HasMask => _mask is not null;

    /// <summary>Whether a token may come next that is taken without the model's being asked; <see cref="TokenMask.Forced"/> knows it.</summary>
    public bool MayForce => constraint.MayForce(Node);

    /// <summary>The tokens that may come next, without those that end the output.</summary>
    public TokenMask Mask => _mask ??= constraint.MaskOf(this);

    /// <summary>How many tokens complete the output behind each that the mask allows.</summary>
    public CompletionTable Completions => Mask.Completions ??= constraint.CompletionsOf(this);

    /// <summary>Whether a token may come next, and there is an end in so many bytes behind it. Looks at no other token; no is no more than that it did not look further.</summary>
    public bool Allows(int token, int left) => constraint.Allows(this, token, left);

    /// <summary>The point after a token that the mask allows.</summary>
    public ConstraintState Next(int token) => constraint.After(this, token);
}
