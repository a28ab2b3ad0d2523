namespace LayerSkip.Engine.Constraints.Json;

/// <summary>What the formats of a schema look like. Each pattern is at most as wide as its format, so that .NET and others read what it allows.</summary>
internal static class StringFormats
{
    private const string Day =
        "(?:[12]\\d{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8]))" +
        "|(?:[12]\\d(?:0[48]|[2468][048]|[13579][26])|1200|1600|2000|2400|2800)-02-29)";

    private const string Time = "(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,7})?";
    private const string Label = "[A-Za-z0-9](?:-?[A-Za-z0-9]){0,30}";
    private const string Byte = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";

    // How .NET's schemas describe a TimeSpan; it has matches with more than 23 hours or 59 minutes, which .NET does not read.
    private const string TimeSpanPattern = @"^-?(\d+\.)?\d{2}:\d{2}:\d{2}(\.\d{1,7})?$";

    /// <summary>A pattern in the stead of another: one of which .NET can read every match, or the same.</summary>
    public static string Readable(string pattern) => pattern == TimeSpanPattern ? $"^-?(?:\\d{{1,7}}\\.)?{Time}$" : pattern;

    /// <summary>The pattern of a format, or null where it has none here: unknown ones restrict nothing.</summary>
    public static string? PatternOf(string format) => format switch
    {
        "date" => $"^{Day}$",
        "time" => $"^{Time}$",
        "date-time" => $"^{Day}T{Time}(?:Z|[+-](?:0\\d|1[0-3]):[0-5]\\d)$",
        "duration" => "^P(?:\\d{1,4}W|\\d{1,4}D(?:T\\d{1,2}H)?|T\\d{1,4}[HMS])$",
        "uuid" => "^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
        "email" => $"^[A-Za-z0-9](?:[._+-]?[A-Za-z0-9]){{0,30}}@{Label}(?:\\.{Label}){{0,3}}\\.[A-Za-z]{{2,10}}$",
        "hostname" => $"^{Label}(?:\\.{Label}){{0,4}}$",
        "uri" => $"^(?:https?|ftp|wss?)://{Label}(?:\\.{Label}){{0,4}}(?::[1-9]\\d{{0,3}})?(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-F]{{2}})*)?"
            + "(?:\\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-F]{2})*)?$",
        "ipv4" => $"^{Byte}(?:\\.{Byte}){{3}}$",
        "ipv6" => "^[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){7}$",
        _ => null,
    };
}
