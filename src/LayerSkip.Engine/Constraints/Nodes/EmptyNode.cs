namespace LayerSkip.Engine.Constraints.Nodes;

/// <summary>The empty text: nothing may follow.</summary>
internal sealed class EmptyNode(Grammar grammar) : GrammarNode(grammar, isNullable: true, minBytes: 0, default)
{
    internal override bool AllowsSpecialTokens => false;

    internal override GrammarNode DeriveSpecial(int token) => Grammar.Nothing;

    internal override bool IsSame(GrammarNode other) => other is EmptyNode;

    internal override int ShallowHash() => 2;

    private protected override GrammarNode Derive(byte value) => Grammar.Nothing;
}
