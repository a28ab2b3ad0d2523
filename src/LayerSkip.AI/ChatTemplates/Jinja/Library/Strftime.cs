using System.Globalization;
using System.Text;

namespace LayerSkip.AI.ChatTemplates.Jinja.Library;

/// <summary>Python's <c>strftime</c> with English names.</summary>
internal static class Strftime
{
    public static string Format(string format, DateTimeOffset time, RenderBudget budget)
    {
        budget.Spend(format.Length);
        var text = new StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%')
            {
                text.Append(format[i]);
                continue;
            }

            // '%-d' is '%d' without leading zeros.
            var isTrimmed = i + 1 < format.Length && format[i + 1] == '-';
            i += isTrimmed ? 2 : 1;
            var written = Write(i < format.Length ? format[i] : '\0', time);
            text.Append(isTrimmed && written.Length > 1 ? written[..^1].TrimStart('0') + written[^1] : written);
        }

        return text.ToString();
    }

    private static string Write(char directive, DateTimeOffset time) => directive switch
    {
        'Y' => time.ToString("yyyy", CultureInfo.InvariantCulture),
        'y' => time.ToString("yy", CultureInfo.InvariantCulture),
        'm' => time.ToString("MM", CultureInfo.InvariantCulture),
        'B' => time.ToString("MMMM", CultureInfo.InvariantCulture),
        'b' or 'h' => time.ToString("MMM", CultureInfo.InvariantCulture),
        'd' => time.ToString("dd", CultureInfo.InvariantCulture),
        'e' => time.Day.ToString(CultureInfo.InvariantCulture).PadLeft(2),
        'j' => time.DayOfYear.ToString("000", CultureInfo.InvariantCulture),
        'A' => time.ToString("dddd", CultureInfo.InvariantCulture),
        'a' => time.ToString("ddd", CultureInfo.InvariantCulture),
        'H' => time.ToString("HH", CultureInfo.InvariantCulture),
        'I' => time.ToString("hh", CultureInfo.InvariantCulture),
        'M' => time.ToString("mm", CultureInfo.InvariantCulture),
        'S' => time.ToString("ss", CultureInfo.InvariantCulture),
        'f' => time.ToString("ffffff", CultureInfo.InvariantCulture),
        'p' => time.ToString("tt", CultureInfo.InvariantCulture),
        'F' => time.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        'T' => time.ToString("HH:mm:ss", CultureInfo.InvariantCulture),
        'D' => time.ToString("MM/dd/yy", CultureInfo.InvariantCulture),
        'R' => time.ToString("HH:mm", CultureInfo.InvariantCulture),

        // The time transformers passes has no zone.
        'z' or 'Z' => string.Empty,
        'n' => "\n",
        't' => "\t",
        '%' => "%",
        _ => throw new JinjaException($"the date format's directive '%{directive}' is not supported."),
    };
}
