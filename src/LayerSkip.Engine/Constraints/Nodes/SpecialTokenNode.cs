namespace LayerSkip.Engine.Constraints.Nodes;

/// <summary>One special token, which has no text.</summary>
internal sealed class SpecialTokenNode(Grammar grammar, int token) : GrammarNode(grammar, isNullable: false, minBytes: 1, default)
{
    private readonly int _token = token;

    internal override bool AllowsSpecialTokens => true;

    internal override GrammarNode DeriveSpecial(int token) => token == _token ? Grammar.Empty : Grammar.Nothing;

    internal override bool IsSame(GrammarNode other) => other is SpecialTokenNode special && special._token == _token;

    internal override int ShallowHash() => HashCode.Combine(3, _token);

    private protected override GrammarNode Derive(byte value) => Grammar.Nothing;
}
