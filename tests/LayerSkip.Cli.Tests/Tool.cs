using System.Diagnostics;
using System.Text;
using System.Text.Json;
using LayerSkip.Tests;

namespace LayerSkip.Cli.Tests;

/// <summary>Runs the tool inside the test's process, as a pipe would: nothing is a terminal.</summary>
internal static class Tool
{
    /// <summary>The checkpoint that the repository carries.</summary>
    public static string Parser { get; } = Path.Combine(SharedData.RepositoryRoot, "models", "topv2-parser");

    /// <summary>Prompts that the repository carries.</summary>
    public static string Utterances { get; } = Path.Combine(SharedData.RepositoryRoot, "samples", "TopV2Parser", "utterances.jsonl");

    /// <summary>The checkpoint that the golden results are of; skips the test where it is absent. The repository's own may be a better one.</summary>
    public static string ReferenceParser => SharedData.Require("topv2-parser");

    public static ToolResult Run(params string[] args) => RunWithInput("", args);

    /// <summary>A standard input.</summary>
    public static MemoryStream Input(string text) => new(Encoding.UTF8.GetBytes(text));

    public static ToolResult RunWithInput(string input, params string[] args)
    {
        using var bytes = Input(input);
        return RunWithInput(bytes, args);
    }

    public static ToolResult RunWithInput(Stream input, params string[] args)
    {
        using var interrupt = new Interrupt();
        using var output = new StringWriter();
        using var error = new StringWriter();
        var exitCode = CommandLine.Invoke(args, new Terminal(output, error, input, interrupt));
        return new ToolResult(exitCode, output.ToString(), error.ToString());
    }

    /// <summary>Starts the tool in a process of its own, whose standard input and output are pipes to here, and whose errors nobody reads.</summary>
    public static Process Start(params string[] args)
    {
        var process = Process.Start(new ProcessStartInfo(
            Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet",
            [typeof(CommandLine).Assembly.Location, .. args])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        })!;
        process.BeginErrorReadLine();
        return process;
    }

    /// <summary>Runs a command that must succeed and print exactly one JSON object on one line.</summary>
    public static JsonElement RunJson(params string[] args)
    {
        var result = Run([.. args, "--json"]);
        Assert.Equal((CommandLine.Success, ""), (result.ExitCode, result.Error));
        Assert.Equal(1, result.Output.Count(c => c == '\n'));
        using var document = JsonDocument.Parse(result.Output);
        return document.RootElement.Clone();
    }

    /// <summary>Runs a command that must fail with one line, no stack trace, and nothing on the standard output.</summary>
    /// <returns>The line.</returns>
    public static string RunBad(params string[] args)
    {
        var result = Run(args);
        Assert.Equal((CommandLine.BadInput, ""), (result.ExitCode, result.Output));
        Assert.StartsWith("layerskip: ", result.Error, StringComparison.Ordinal);
        Assert.EndsWith(Environment.NewLine, result.Error, StringComparison.Ordinal);
        var line = result.Error.TrimEnd();
        Assert.DoesNotContain('\n', line);
        Assert.DoesNotContain("   at ", line, StringComparison.Ordinal);
        return line;
    }

    public static int[] Ids(JsonElement array) => [.. array.EnumerateArray().Select(id => id.GetInt32())];
}
