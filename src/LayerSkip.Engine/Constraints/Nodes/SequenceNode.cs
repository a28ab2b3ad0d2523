using System.Runtime.CompilerServices;

namespace LayerSkip.Engine.Constraints.Nodes;

/// <summary>One language and then another. The first is no sequence itself, so that equal sequences are built alike.</summary>
internal sealed class SequenceNode(Grammar grammar, GrammarNode first, GrammarNode second) : GrammarNode(
    grammar,
    first.IsNullable && second.IsNullable,
    Saturating((long)first.MinBytes + second.MinBytes),
    first.IsNullable ? first.Borders | second.Borders : first.Borders)
{
    private readonly GrammarNode _first = first;
    private readonly GrammarNode _second = second;

    internal override bool AllowsSpecialTokens { get; } = first.AllowsSpecialTokens || (first.IsNullable && second.AllowsSpecialTokens);

    internal override bool MayEndToken => _first.MayEndToken;

    internal GrammarNode First => _first;

    internal GrammarNode Second => _second;

    internal override GrammarNode DeriveSpecial(int token) => After(_first.DeriveSpecial(token), _first.IsNullable ? _second.DeriveSpecial(token) : Grammar.Nothing);

    private protected override bool HasBounds => true;

    private protected override void PushBounded(int bytes, Stack<GrammarNode> open)
    {
        if (_first.KnownUnbounded(bytes) is null)
        {
            open.Push(_first);
        }

        if (_first.MinBytes <= bytes && _second.KnownUnbounded(bytes) is null)
        {
            open.Push(_second);
        }
    }

    // What stands behind more bytes than a token has does not matter, and is left as it is.
    private protected override GrammarNode WithoutBounds(int bytes) => Grammar.Join(
        _first.KnownUnbounded(bytes) ?? _first, _first.MinBytes > bytes ? _second : _second.KnownUnbounded(bytes) ?? _second);

    internal override bool IsSame(GrammarNode other) =>
        other is SequenceNode sequence && ReferenceEquals(sequence._first, _first) && ReferenceEquals(sequence._second, _second);

    internal override int ShallowHash() => HashCode.Combine(4, RuntimeHelpers.GetHashCode(_first), RuntimeHelpers.GetHashCode(_second));

    private protected override GrammarNode Derive(byte value) => After(_first.Next(value), _first.IsNullable ? _second.Next(value) : Grammar.Nothing);

    private GrammarNode After(GrammarNode first, GrammarNode skipped)
    {
        var on = Grammar.Join(first, _second);
        return skipped.IsNothing ? on : Grammar.Choice(on, skipped);
    }
}
