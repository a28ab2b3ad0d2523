using System.Runtime.CompilerServices;

namespace LayerSkip.Engine.Constraints.Nodes;

/// <summary>A language several times over: at least <paramref name="min"/> times, at most <paramref name="max"/> times.</summary>
internal sealed class RepeatNode(Grammar grammar, GrammarNode item, int min, int max) : GrammarNode(
    grammar, min == 0 || item.IsNullable, Saturating((long)item.MinBytes * min), item.Borders)
{
    /// <summary>No greatest number.</summary>
    public const int Endless = int.MaxValue;

    private readonly GrammarNode _item = item;
    private readonly int _min = min;
    private readonly int _max = max;

    internal override bool AllowsSpecialTokens => _item.AllowsSpecialTokens;

    internal override GrammarNode DeriveSpecial(int token) => Then(_item.DeriveSpecial(token));

    private protected override bool HasBounds => true;

    // Each time takes a byte at least, so a greater bound than a token has bytes is out of its reach.
    private protected override GrammarNode WithoutBounds(int bytes) => _max > bytes && _max != Endless ? Grammar.Repeat(_item, _min, null) : this;

    internal override bool IsSame(GrammarNode other) =>
        other is RepeatNode repeat && ReferenceEquals(repeat._item, _item) && repeat._min == _min && repeat._max == _max;

    internal override int ShallowHash() => HashCode.Combine(RuntimeHelpers.GetHashCode(_item), _min, _max);

    private protected override GrammarNode Derive(byte value) => Then(_item.Next(value));

    private GrammarNode Then(GrammarNode item) => item.IsNothing
        ? item
        : Grammar.Join(item, Grammar.Repeat(_item, Math.Max(_min - 1, 0), _max == Endless ? null : _max - 1));
}
