using System.Globalization;

namespace LayerSkip.Engine.Constraints.Json;

/// <summary>The parts of JSON that hold no other values.</summary>
internal sealed class JsonTerminals
{
    /// <summary>Most digits of a number's integral part and of its fraction, where no bound says more: so many a 64-bit integer holds.</summary>
    public const int MaxDigits = 18;

    private readonly Grammar _grammar;

    public JsonTerminals(Grammar grammar)
    {
        _grammar = grammar;
        Quote = grammar.Bytes(ByteSet.Of("\""));
        Digit = grammar.Bytes(ByteSet.Range('0', '9'));
        Null = grammar.Literal("null");
        True = grammar.Literal("true");
        False = grammar.Literal("false");
        Boolean = grammar.Choice(True, False);

        var plain = new List<GrammarNode> { grammar.Bytes(ByteSet.Range(0x20, 0x7F) & ~ByteSet.Of("\"\\")) };
        Utf8Ranges.Add(grammar, 0x80, 0xD7FF, plain);
        Utf8Ranges.Add(grammar, 0xE000, 0x10FFFF, plain);
        Character = grammar.Choice([.. plain, grammar.Join(grammar.Bytes(ByteSet.Of("\\")), Escape())]);
        AnyString = String(grammar.Repeat(Character));

        var natural = grammar.Choice(grammar.Literal("0"), grammar.Join(grammar.Bytes(ByteSet.Range('1', '9')), grammar.Repeat(Digit, 0, MaxDigits - 1)));
        Integer = grammar.Join(grammar.Optional(grammar.Literal("-")), natural);
        Fraction = grammar.Join(grammar.Literal("."), grammar.Repeat(Digit, 1, MaxDigits));

        // Powers of ten as they are usually written, within what System.Decimal holds.
        var exponent = grammar.Choice(
            grammar.Sequence(grammar.Optional(grammar.Literal("+")), grammar.OneOf(Enumerable.Range(0, 28).Select(power => power.ToString(CultureInfo.InvariantCulture)))),
            grammar.Join(grammar.Literal("-"), grammar.Repeat(Digit, 1, 2)));
        var sign = grammar.Optional(grammar.Literal("-"));
        var scientific = grammar.Sequence(grammar.Bytes(ByteSet.Range('1', '9')), grammar.Optional(Fraction), grammar.Bytes(ByteSet.Of("eE")), exponent);
        Number = grammar.Join(sign, grammar.Choice(scientific, grammar.Join(natural, grammar.Optional(Fraction))));
    }

    public GrammarNode Quote { get; }

    public GrammarNode Digit { get; }

    public GrammarNode Null { get; }

    public GrammarNode True { get; }

    public GrammarNode False { get; }

    public GrammarNode Boolean { get; }

    /// <summary>One character of a string, in any spelling; no surrogate, which would need its other half.</summary>
    public GrammarNode Character { get; }

    public GrammarNode AnyString { get; }

    public GrammarNode Integer { get; }

    public GrammarNode Fraction { get; }

    public GrammarNode Number { get; }

    public GrammarNode String(GrammarNode content) => _grammar.Sequence(Quote, content, Quote);

    private GrammarNode Escape()
    {
        var hex = _grammar.Bytes(ByteSet.Of("0123456789abcdefABCDEF"));
        var unit = _grammar.Choice(
            _grammar.Join(_grammar.Bytes(ByteSet.Of("0123456789abcefABCEF")), _grammar.Repeat(hex, 3, 3)),
            _grammar.Sequence(_grammar.Bytes(ByteSet.Of("dD")), _grammar.Bytes(ByteSet.Range('0', '7')), _grammar.Repeat(hex, 2, 2)));
        return _grammar.Choice(_grammar.Bytes(ByteSet.Of("\"\\/bfnrt")), _grammar.Join(_grammar.Literal("u"), unit));
    }
}
