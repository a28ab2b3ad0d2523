using System.Text.Json;

namespace LayerSkip.Tests;

/// <summary>The reference data that stands beside the checkout (<c>../shared</c>): real checkpoints, vocabularies and golden results.</summary>
/// <remarks>A test that needs it is skipped, with a message, where the folder is absent.</remarks>
internal static class SharedData
{
    /// <summary>The checkout's root: the folder that holds the solution.</summary>
    public static string RepositoryRoot { get; } = FindRepositoryRoot();

    /// <summary>Full path of <c>../shared/data/{relative}</c>; skips the running test where it does not exist.</summary>
    public static string Require(string relative)
    {
        var path = Path.GetFullPath(Path.Combine(RepositoryRoot, "..", "shared", "data", relative));
        Assert.SkipUnless(Path.Exists(path), $"needs ../shared/data/{relative}, which is not beside this checkout");
        return path;
    }

    /// <summary>Parses the JSON file <c>../shared/data/{relative}</c>; skips the running test where it does not exist.</summary>
    public static JsonElement RequireJson(string relative)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(Require(relative)));
        return document.RootElement.Clone();
    }

    private static string FindRepositoryRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "LayerSkip.AI.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException("LayerSkip.AI.sln was not found above " + AppContext.BaseDirectory);
    }
}
