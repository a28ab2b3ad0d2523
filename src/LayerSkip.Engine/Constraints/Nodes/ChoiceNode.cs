using System.Runtime.CompilerServices;

namespace LayerSkip.Engine.Constraints.Nodes;

/// <summary>One of several languages, at least two, none of them a choice; in the order of their creation, so that equal choices are built alike.</summary>
internal sealed class ChoiceNode(Grammar grammar, GrammarNode[] alternatives) : GrammarNode(
    grammar,
    alternatives.Any(alternative => alternative.IsNullable),
    alternatives.Min(alternative => alternative.MinBytes),
    alternatives.Aggregate(default(ByteSet), (borders, alternative) => borders | alternative.Borders))
{
    private readonly GrammarNode[] _alternatives = alternatives;

    internal override bool MayEndToken { get; } = alternatives.Any(alternative => alternative.MayEndToken);

    internal ReadOnlySpan<GrammarNode> Alternatives => _alternatives;

    internal override int Parts => _alternatives.Length;

    internal override bool AllowsSpecialTokens { get; } = alternatives.Any(alternative => alternative.AllowsSpecialTokens);

    internal override GrammarNode DeriveSpecial(int token) => Grammar.Choice(Array.ConvertAll(_alternatives, alternative => alternative.DeriveSpecial(token)));

    private protected override bool HasBounds => true;

    private protected override void PushBounded(int bytes, Stack<GrammarNode> open)
    {
        foreach (var alternative in _alternatives)
        {
            if (alternative.KnownUnbounded(bytes) is null)
            {
                open.Push(alternative);
            }
        }
    }

    private protected override GrammarNode WithoutBounds(int bytes) =>
        Grammar.Choice(Array.ConvertAll(_alternatives, alternative => alternative.KnownUnbounded(bytes) ?? alternative));

    internal override bool IsSame(GrammarNode other) => other is ChoiceNode choice && choice._alternatives.AsSpan().SequenceEqual(_alternatives);

    internal override int ShallowHash()
    {
        var hash = new HashCode();
        foreach (var alternative in _alternatives)
        {
            hash.Add(RuntimeHelpers.GetHashCode(alternative));
        }

        return hash.ToHashCode();
    }

    private protected override GrammarNode Derive(byte value) => Grammar.Choice(Array.ConvertAll(_alternatives, alternative => alternative.Next(value)));
}
