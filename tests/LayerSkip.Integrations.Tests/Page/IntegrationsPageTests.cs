using System.Text.RegularExpressions;
using LayerSkip.Tests;

namespace LayerSkip.Integrations.Tests.Page;

/// <summary>docs/integrations.md shows what is run here.</summary>
public partial class IntegrationsPageTests
{
    [Fact]
    public void Every_snippet_of_the_page_is_run_by_a_test()
    {
        var page = File.ReadAllText(Path.Combine(SharedData.RepositoryRoot, "docs", "integrations.md"));
        var folder = Path.Combine(SharedData.RepositoryRoot, "tests", "LayerSkip.Integrations.Tests", "Page");
        List<string> sources = [.. Directory.EnumerateFiles(folder, "*.cs").Select(file => WithoutIndentation(File.ReadAllText(file)))];

        var snippets = Snippet().Matches(page).Select(match => match.Groups[1].Value).ToList();
        Assert.True(snippets.Count >= 10);
        Assert.All(snippets, snippet => Assert.Contains(sources, source => source.Contains(WithoutIndentation(snippet), StringComparison.Ordinal)));
    }

    private static string WithoutIndentation(string text) => string.Join('\n', text.Split('\n').Select(line => line.Trim()));

    [GeneratedRegex("```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Snippet();
}
