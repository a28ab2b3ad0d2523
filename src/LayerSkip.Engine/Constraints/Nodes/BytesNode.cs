namespace LayerSkip.Engine.Constraints.Nodes;

/// <summary>One byte of a set that is not empty.</summary>
internal sealed class BytesNode(Grammar grammar, ByteSet set) : GrammarNode(grammar, isNullable: false, minBytes: 1, set.Borders)
{
    internal override bool AllowsSpecialTokens => false;

    internal override GrammarNode DeriveSpecial(int token) => Grammar.Nothing;

    internal override bool IsSame(GrammarNode other) => other is BytesNode bytes && bytes.Set == Set;

    internal override int ShallowHash() => Set.GetHashCode();

    internal ByteSet Set { get; } = set;

    private protected override GrammarNode Derive(byte value) => Set.Contains(value) ? Grammar.Empty : Grammar.Nothing;
}
