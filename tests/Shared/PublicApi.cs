using System.Reflection;
using PublicApiGenerator;

namespace LayerSkip.Tests;

/// <summary>The public surface of an assembly, listed in a checked-in file, so that no change of it goes unnoticed.</summary>
internal static class PublicApi
{
    private const string UpdateVariable = "UPDATE_API";

    /// <summary>Compares the assembly with <c>api/{assembly}.txt</c>, or, where <c>UPDATE_API=1</c> is set, writes that file.</summary>
    public static void AssertListed(Assembly assembly)
    {
        var path = Path.Combine(SharedData.RepositoryRoot, "api", assembly.GetName().Name + ".txt");
        var actual = assembly
            .GeneratePublicApi(new ApiGeneratorOptions { IncludeAssemblyAttributes = false, DenyNamespacePrefixes = [] })
            .ReplaceLineEndings("\n")
            .TrimEnd() + "\n";
        if (Environment.GetEnvironmentVariable(UpdateVariable) == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, actual);
            return;
        }

        var expected = File.Exists(path) ? File.ReadAllText(path).ReplaceLineEndings("\n") : string.Empty;
        if (actual != expected)
        {
            Assert.Fail(
                $"The public API of {assembly.GetName().Name} is not what api/{Path.GetFileName(path)} lists.\n"
                + string.Join('\n', Difference(expected, actual))
                + $"\nIf the change is meant, run the tests once with {UpdateVariable}=1 and commit the file.");
        }
    }

    private static IEnumerable<string> Difference(string expected, string actual)
    {
        var (before, after) = (expected.Split('\n'), actual.Split('\n'));
        return before.Except(after).Select(line => "- " + line.Trim()).Concat(after.Except(before).Select(line => "+ " + line.Trim()));
    }
}
