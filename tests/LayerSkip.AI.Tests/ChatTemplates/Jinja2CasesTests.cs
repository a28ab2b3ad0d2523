using System.Text.Json;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.Tests;

namespace LayerSkip.AI.Tests.ChatTemplates;

/// <summary>Expressions, filters, methods, statements, white space and errors against what jinja2 itself prints (jinja2-cases.py).</summary>
public class Jinja2CasesTests
{
    private static readonly JsonElement s_file = JsonDocument.Parse(File.ReadAllBytes(
        Path.Combine(SharedData.RepositoryRoot, "tests", "LayerSkip.AI.Tests", "ChatTemplates", "jinja2-cases.json"))).RootElement;

    public static TheoryData<string, string?> Cases =>
        [.. s_file.GetProperty("cases").EnumerateArray().Select(entry => (entry.GetProperty("template").GetString()!, entry.GetProperty("expected").GetString()))];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Renders_as_jinja2(string template, string? expected)
    {
        string? rendered;
        try
        {
            rendered = ChatTemplate.Parse(template).Render(new ChatTemplateContext
            {
                Messages = [],
                Variables = s_file.GetProperty("context").EnumerateObject().ToDictionary(variable => variable.Name, variable => TemplateValue.FromJson(variable.Value)),
                TimeProvider = new FixedClock(),
            }).Text;
        }
        catch (ChatTemplateException)
        {
            rendered = null;
        }

        Assert.Equal(expected, rendered);
    }

    private sealed class FixedClock : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

        public override DateTimeOffset GetUtcNow() => new(2024, 7, 26, 15, 4, 5, TimeSpan.Zero);
    }
}
