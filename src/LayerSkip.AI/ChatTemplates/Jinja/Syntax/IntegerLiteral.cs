using System.Globalization;
using System.Numerics;

namespace LayerSkip.AI.ChatTemplates.Jinja.Syntax;

/// <summary>An integer as it is written: 42, 0x2a, 0o52, 0b101010.</summary>
internal static class IntegerLiteral
{
    public static BigInteger Parse(Token token)
    {
        if (token.Text.Length < 2 || char.IsAsciiDigit(token.Text[1]))
        {
            return BigInteger.Parse(token.Text, CultureInfo.InvariantCulture);
        }

        var radix = (token.Text[1] | 0x20) switch { 'x' => 16, 'o' => 8, _ => 2 };
        var number = BigInteger.Zero;
        foreach (var digit in token.Text.AsSpan(2))
        {
            var value = Convert.ToInt32(digit.ToString(), 16);
            number = value < radix
                ? (number * radix) + value
                : throw new ChatTemplateException($"{token.Description} is not an integer of base {radix}.", token.Line);
        }

        return number;
    }
}
