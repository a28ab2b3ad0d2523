namespace LayerSkip.Engine.Constraints.Nodes;

/// <summary>What a caller's automaton accepts from one of its states on.</summary>
/// <remarks>
/// Its derivatives are remembered by the bytes that have one: states are many and few of them are come by twice, so that ranges of bytes would take longer
/// to find than they save.
/// </remarks>
internal sealed class StateNode(Grammar grammar, TextState state, ByteSet bytes, int minBytes)
    : GrammarNode(grammar, isNullable: minBytes == 0, minBytes, bytes.Each)
{
    private readonly TextState _state = state;
    private readonly ByteSet _bytes = bytes;
    private GrammarNode?[]? _following;

    internal override bool AllowsSpecialTokens => false;

    internal override bool MayEndToken { get; } = state.MayEndToken;

    internal override GrammarNode Next(byte value)
    {
        if (!_bytes.Contains(value))
        {
            return Grammar.Nothing;
        }

        var index = _bytes.CountBelow(value);
        if (_following is { } known && known[index] is { } next)
        {
            return next;
        }

        next = Derive(value);
        if (_following is not { } remembered)
        {
            _following = remembered = new GrammarNode?[_bytes.Count];
            Grammar.AddDerived(this, remembered.Length);
        }

        return remembered[index] = next;
    }

    internal override void Forget() => _following = null;

    internal override int OnlyByte() => !IsNullable && _bytes.Count == 1 ? _bytes.First() : -1;

    internal override int ShortestByte()
    {
        for (var value = 0; value <= byte.MaxValue; value++)
        {
            if (_bytes.Contains((byte)value) && Next((byte)value).MinBytes < MinBytes)
            {
                return value;
            }
        }

        return -1;
    }

    internal override GrammarNode DeriveSpecial(int token) => Grammar.Nothing;

    internal override bool IsSame(GrammarNode other) => other is StateNode node && node._state.Equals(_state);

    internal override int ShallowHash() => _state.GetHashCode();

    private protected override GrammarNode Derive(byte value) => Grammar.Automaton(_state.After(value));
}
