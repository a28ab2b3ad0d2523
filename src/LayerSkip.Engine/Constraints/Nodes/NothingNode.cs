namespace LayerSkip.Engine.Constraints.Nodes;

/// <summary>No text at all: a dead end.</summary>
internal sealed class NothingNode(Grammar grammar) : GrammarNode(grammar, isNullable: false, minBytes: int.MaxValue, default)
{
    internal override bool AllowsSpecialTokens => false;

    internal override GrammarNode DeriveSpecial(int token) => this;

    internal override bool IsSame(GrammarNode other) => other is NothingNode;

    internal override int ShallowHash() => 1;

    private protected override GrammarNode Derive(byte value) => this;
}
