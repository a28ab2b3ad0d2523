using System.Globalization;
using System.Text;

namespace LayerSkip.AI.ChatTemplates.Jinja.Syntax;

/// <summary>Python's escapes in a quoted string; an unknown one stays as it is written.</summary>
internal static class StringLiteral
{
    /// <param name="body">What stands between the quotes.</param>
    /// <param name="line">Line on which the string begins.</param>
    public static string Unescape(string body, int line)
    {
        if (!body.Contains('\\'))
        {
            return body;
        }

        var text = new StringBuilder(body.Length);
        for (var i = 0; i < body.Length; i++)
        {
            if (body[i] != '\\' || i + 1 == body.Length)
            {
                text.Append(body[i]);
                continue;
            }

            var escape = body[++i];
            switch (escape)
            {
                case '\n':
                    break;
                case 'x':
                    AppendHexadecimal(2);
                    break;
                case 'u':
                    AppendHexadecimal(4);
                    break;
                case 'U':
                    AppendHexadecimal(8);
                    break;
                case >= '0' and <= '7':
                    AppendOctal();
                    break;
                default:
                    text.Append(Simple(escape) is { } character ? character.ToString() : "\\" + escape);
                    break;
            }

            void AppendHexadecimal(int digits)
            {
                if (i + digits >= body.Length
                    || !int.TryParse(body.AsSpan(i + 1, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code)
                    || code is < 0 or > 0x10FFFF)
                {
                    throw new ChatTemplateException($"the escape '\\{escape}' must be followed by {digits} hexadecimal digits of a character.", line);
                }

                text.Append(code > 0xFFFF ? char.ConvertFromUtf32(code) : ((char)code).ToString());
                i += digits;
            }

            void AppendOctal()
            {
                var code = 0;
                var end = Math.Min(i + 3, body.Length);
                for (; i < end && body[i] is >= '0' and <= '7'; i++)
                {
                    code = (code * 8) + (body[i] - '0');
                }

                text.Append((char)code);
                i--;
            }
        }

        return text.ToString();
    }

    private static char? Simple(char escape) => escape switch
    {
        '\\' or '\'' or '"' => escape,
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'a' => '\a',
        'b' => '\b',
        'f' => '\f',
        'v' => '\v',
        _ => null,
    };
}
