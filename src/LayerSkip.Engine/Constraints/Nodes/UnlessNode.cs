using System.Runtime.CompilerServices;

namespace LayerSkip.Engine.Constraints.Nodes;

/// <summary>A language without the texts that begin in a certain way. It must have other texts than those, none of which is longer for it.</summary>
/// <param name="grammar">The grammar.</param>
/// <param name="node">The language from here on.</param>
/// <param name="beginnings">See <see cref="TextAutomata.NotBeginningWith"/>.</param>
/// <param name="state">Its state: so much of such a beginning has been read.</param>
internal sealed class UnlessNode(Grammar grammar, GrammarNode node, ByteAutomaton beginnings, int state) : GrammarNode(
    grammar, node.IsNullable, node.MinBytes, node.Borders | beginnings.Borders(state))
{
    private readonly GrammarNode _node = node;
    private readonly ByteAutomaton _beginnings = beginnings;
    private readonly int _state = state;

    internal override bool AllowsSpecialTokens => _node.AllowsSpecialTokens;

    internal override bool MayEndToken => _node.MayEndToken;

    internal override GrammarNode DeriveSpecial(int token) => Grammar.Unless(_node.DeriveSpecial(token), _beginnings, _state);

    internal override bool IsSame(GrammarNode other) =>
        other is UnlessNode unless && ReferenceEquals(unless._node, _node) && ReferenceEquals(unless._beginnings, _beginnings) && unless._state == _state;

    internal override int ShallowHash() => HashCode.Combine(5, RuntimeHelpers.GetHashCode(_node), RuntimeHelpers.GetHashCode(_beginnings), _state);

    private protected override GrammarNode Derive(byte value) => Grammar.Unless(_node.Next(value), _beginnings, _beginnings.Next(_state, value));
}
