using System.Text.RegularExpressions;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Cuda.Tests;

/// <summary>The engine's tests are this device's, too: the project compiles them once more, on <see cref="LayerSkip.Engine.Tests.TestedDevice"/>.</summary>
public partial class EngineTestsTests
{
    [Fact]
    public void Each_class_is_compiled_here_or_listed_with_the_reason_why_not()
    {
        var compiled = typeof(EngineTestsTests).Assembly.GetTypes()
            .Where(type => type.Namespace?.StartsWith("LayerSkip.Engine.Tests", StringComparison.Ordinal) == true).Select(type => type.Name).ToHashSet();
        var listed = Listed().Matches(Section().Match(File.ReadAllText(Path.Combine(SharedData.RepositoryRoot, "docs", "cuda.md"))).Value)
            .Select(match => match.Groups[1].Value).ToHashSet();
        var folder = Path.Combine(SharedData.RepositoryRoot, "tests", "LayerSkip.Engine.Tests");
        foreach (var path in Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories).Where(path => Test().IsMatch(File.ReadAllText(path))))
        {
            var name = Path.GetFileNameWithoutExtension(path);
            var isListed = listed.Contains(name) || listed.Any(entry => entry.EndsWith('/') && path.StartsWith(Path.Combine(folder, entry), StringComparison.Ordinal));
            Assert.True(
                compiled.Contains(name) != isListed,
                $"{name} is {(isListed ? "compiled here, and listed" : "neither compiled here nor listed")} in docs/cuda.md among the engine's tests that do not run on the device");
        }
    }

    [GeneratedRegex(@"\[(Fact|Theory)\b")]
    private static partial Regex Test();

    [GeneratedRegex(@"### The engine's tests.*?(?=\n##)", RegexOptions.Singleline)]
    private static partial Regex Section();

    /// <summary>Classes and folders in the table's first column.</summary>
    [GeneratedRegex(@"(?<=^\|[^|\n]*)`([\w/]+)`", RegexOptions.Multiline)]
    private static partial Regex Listed();
}
