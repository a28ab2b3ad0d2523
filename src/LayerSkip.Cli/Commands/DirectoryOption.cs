using System.CommandLine;

namespace LayerSkip.Cli.Commands;

/// <summary>The option <c>--model</c>.</summary>
internal static class DirectoryOption
{
    /// <summary>The option, required.</summary>
    /// <param name="description">What help says.</param>
    public static Option<string> Create(string description) => new("--model") { HelpName = "PATH", Description = description, Required = true };
}
