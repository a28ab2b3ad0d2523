using System.Runtime.CompilerServices;

namespace LayerSkip.Engine.Constraints.Nodes;

/// <summary>What a finite automaton accepts from one of its states on.</summary>
internal sealed class AutomatonNode(Grammar grammar, ByteAutomaton automaton, int state) : GrammarNode(
    grammar, automaton.Accepts(state), automaton.MinBytes(state), automaton.Borders(state))
{
    private readonly ByteAutomaton _automaton = automaton;
    private readonly int _state = state;

    internal override bool AllowsSpecialTokens => _automaton.AllowsSpecialTokens;

    internal override GrammarNode DeriveSpecial(int token) => AllowsSpecialTokens ? this : Grammar.Nothing;

    internal override bool IsSame(GrammarNode other) =>
        other is AutomatonNode node && ReferenceEquals(node._automaton, _automaton) && node._state == _state;

    internal override int ShallowHash() => HashCode.Combine(RuntimeHelpers.GetHashCode(_automaton), _state);

    private protected override GrammarNode Derive(byte value) => Grammar.Automaton(_automaton, _automaton.Next(_state, value));
}
