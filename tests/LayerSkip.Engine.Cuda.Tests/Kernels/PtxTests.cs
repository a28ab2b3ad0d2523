using System.Diagnostics;
using LayerSkip.Engine.Cuda.Execution;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Cuda.Tests.Kernels;

/// <summary>The PTX that the assembly carries is what the sources compile to.</summary>
public class PtxTests
{
    private const int Missing = 77;

    [Fact]
    public void The_committed_PTX_is_what_the_sources_compile_to() => Script("--check-ptx");

    [Fact]
    public void No_kernel_spills_registers() =>
        Assert.All(Script("--ptxas").Split('\n', StringSplitOptions.RemoveEmptyEntries), line => Assert.EndsWith(" 0 bytes spilled", line));

    [Fact]
    public void Every_kernel_is_found_and_takes_the_parameters_of_its_source()
    {
        using var bench = KernelBenches.Open();
        Assert.Equal(58, KernelLibrary.Names.Count);
        Assert.All(KernelLibrary.Names, name => Assert.NotEqual(0, bench.Function(name)));
    }

    [Fact]
    public void Barriers_are_text_that_touches_memory()
    {
        // LLVM 14 moves reads of shared memory before its own barriers (device.h): a GPU showed it, which the emulation, compiled by another compiler, cannot.
        foreach (var file in Directory.EnumerateFiles(Path.Combine(SharedData.RepositoryRoot, "src", "LayerSkip.Engine.Cuda", "kernels"), "*.ptx"))
        {
            var lines = File.ReadAllLines(file).Select(line => line.Trim()).ToArray();
            for (var i = 0; i < lines.Length; i++)
            {
                Assert.True(!lines[i].StartsWith("bar", StringComparison.Ordinal) || lines[i - 1] == "// begin inline asm", $"{Path.GetFileName(file)}:{i + 1}: {lines[i]}");
            }
        }
    }

    /// <summary>Runs the rig's script; skips the test where the compiler it needs is not installed.</summary>
    private static string Script(string option)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the rig's script runs on Linux");
        var script = Path.Combine(SharedData.RepositoryRoot, "tests", "LayerSkip.Engine.Cuda.Tests", "rig", "build.sh");
        using var process = Process.Start(new ProcessStartInfo("bash", [script, option]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.SkipWhen(process.ExitCode == Missing, errors.GetAwaiter().GetResult());
        Assert.True(process.ExitCode == 0, errors.GetAwaiter().GetResult());
        return output;
    }
}
