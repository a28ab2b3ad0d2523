namespace LayerSkip.Engine.Constraints.Nodes;

/// <summary>What a caller's automaton accepts from one of its states on.</summary>
internal sealed class StateNode(Grammar grammar, TextState state, ByteSet bytes) : GrammarNode(grammar, state.CanEnd, state.MinBytes, bytes.Each)
{
    private readonly TextState _state = state;
    private readonly ByteSet _bytes = bytes;

    internal override bool AllowsSpecialTokens => false;

    internal override GrammarNode DeriveSpecial(int token) => Grammar.Nothing;

    internal override bool IsSame(GrammarNode other) => other is StateNode node && node._state.Equals(_state);

    internal override int ShallowHash() => _state.GetHashCode();

    private protected override GrammarNode Derive(byte value) => _bytes.Contains(value) ? Grammar.Automaton(_state.After(value)) : Grammar.Nothing;
}
