using System.Globalization;

namespace TopV2Agent;

/// <summary>The little that the tools understand of times and names.</summary>
internal static class Spoken
{
    /// <summary>The parts that were said, with a space between.</summary>
    public static string Join(params string?[] parts) => string.Join(' ', parts.Where(part => !string.IsNullOrEmpty(part)));

    /// <summary>Whether a text holds every word that was said; small words do not count.</summary>
    public static bool Mentions(string text, string? said) => (said ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries)
        .Where(word => word is not ("for" or "at" or "on" or "the" or "my" or "to" or "a" or "in" or "this"))
        .All(word => text.Contains(word, StringComparison.OrdinalIgnoreCase));

    /// <summary>Such as "for 1 hour and 30 minutes"; null where no time was said, or one below zero.</summary>
    public static TimeSpan? Duration(string? text)
    {
        text ??= "";
        if (text.Split(' ').Any(word => word is "minus" or "negative" || word.StartsWith('-') || word.StartsWith('\u2212')))
        {
            return null;
        }

        var (total, number) = (TimeSpan.Zero, (double?)null);
        foreach (var word in text.Split([' ', '-'], StringSplitOptions.RemoveEmptyEntries))
        {
            if (double.TryParse(word, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var figure) && figure <= 1000)
            {
                number = figure;
            }
            else if (word is "a" or "an" or "one")
            {
                number = number == 0.5 ? number : 1;
            }
            else if (word == "half")
            {
                number = 0.5;
            }
            else if (number is { } count && Unit(word) is { } unit)
            {
                total += count * unit;
                number = null;
            }
        }

        return total > TimeSpan.Zero ? total : null;
    }

    /// <summary>Such as "1 h 30 min"; begun seconds count.</summary>
    public static string Of(TimeSpan time)
    {
        time = TimeSpan.FromSeconds(Math.Ceiling(time.TotalSeconds));
        var parts = new[] { ((int)time.TotalHours, "h"), (time.Minutes, "min"), (time.Seconds, "s") };
        return parts.Any(part => part.Item1 > 0) ? string.Join(' ', parts.Where(part => part.Item1 > 0).Select(part => $"{part.Item1} {part.Item2}")) : "0 s";
    }

    public static TimeSpan AtLeastZero(TimeSpan time) => time < TimeSpan.Zero ? TimeSpan.Zero : time;

    private static TimeSpan? Unit(string word) => word.ToLowerInvariant().TrimEnd('s', '.') switch
    {
        "second" or "sec" => TimeSpan.FromSeconds(1),
        "minute" or "min" => TimeSpan.FromMinutes(1),
        "hour" or "hr" => TimeSpan.FromHours(1),
        _ => null,
    };
}
