using System.Diagnostics;
using System.Runtime.InteropServices;
using LayerSkip.Engine.Cuda.Driver;
using LayerSkip.Tests;

[assembly: CollectionBehavior(DisableTestParallelization = true)] // the rig counts for the whole process

namespace LayerSkip.Engine.Cuda.Tests;

/// <summary>
/// The device that the tests run on: a GPU where there is one, else the kernels' host emulation behind a fake driver (rig/RIG.md), which is built
/// when the first test asks for it. Tests are skipped where g++ is not installed.
/// </summary>
/// <remarks><c>LAYERSKIP_TEST_CUDA=emulated</c> chooses the emulation even where there is a GPU.</remarks>
internal static class Rig
{
    private const int NoCompiler = 77;

    private static readonly Lazy<(string? Library, string? Problem)> s_library = new(Find);

    /// <summary>A GPU's context takes long to begin: it stays as long as the process, while those of tests come and go.</summary>
    private static readonly Lazy<CudaContext> s_kept = new(() =>
    {
        var (driver, device) = Provider.Find(0);
        return new(driver, device);
    });

    private static readonly Lazy<RigControls> s_controls = new(() => new RigControls(NativeLibrary.Load(s_library.Value.Library!)));

    /// <summary>Whether the tests run on a GPU.</summary>
    public static bool IsGpu => s_library.Value is { Library: null, Problem: null };

    /// <summary>The path of the fake driver; skips the test where it cannot be built, or is not used.</summary>
    public static string Library
    {
        get
        {
            Assert.SkipWhen(IsGpu, "needs the emulation, but the tests run on a GPU (LAYERSKIP_TEST_CUDA=emulated chooses the emulation)");
            return RequireLibrary()!;
        }
    }

    /// <summary>What the fake driver counts, and how its faults are set; skips the test where it is not used.</summary>
    public static RigControls Controls
    {
        get
        {
            _ = Library;
            return s_controls.Value;
        }
    }

    /// <summary>The devices; skips the test where there are none.</summary>
    public static CudaDeviceProvider Provider => new(RequireLibrary());

    /// <summary>The first device; skips the test where there is none.</summary>
    public static (CudaDriver Driver, CudaDeviceInfo Device) Device
    {
        get
        {
            var found = Provider.Find(0);
            _ = IsGpu ? s_kept.Value : null;
            return found;
        }
    }

    private static string? RequireLibrary()
    {
        Assert.SkipWhen(s_library.Value.Problem is not null, s_library.Value.Problem ?? "");
        return s_library.Value.Library;
    }

    private static (string? Library, string? Problem) Find()
    {
        if (Environment.GetEnvironmentVariable("LAYERSKIP_TEST_CUDA") != "emulated" && new CudaDeviceProvider().Survey().Reason is null)
        {
            return (null, null);
        }

        var sources = Path.Combine(SharedData.RepositoryRoot, "tests", "LayerSkip.Engine.Cuda.Tests", "rig");
        var kernels = Path.Combine(SharedData.RepositoryRoot, "src", "LayerSkip.Engine.Cuda", "kernels");
        var folder = Path.Combine(AppContext.BaseDirectory, "rig");
        var library = Path.Combine(folder, "libfakecuda.so");
        var latest = new[] { sources, kernels }.SelectMany(Directory.EnumerateFiles).Max(File.GetLastWriteTimeUtc);
        if (File.Exists(library) && File.GetLastWriteTimeUtc(library) >= latest)
        {
            return (library, null);
        }

        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            return (null, "the emulation of CUDA kernels needs Linux on x86-64");
        }

        using var build = Process.Start(new ProcessStartInfo("bash", [Path.Combine(sources, "build.sh"), folder]) { RedirectStandardError = true })!;
        var errors = build.StandardError.ReadToEnd();
        build.WaitForExit();
        return build.ExitCode switch
        {
            0 => (library, null),
            NoCompiler => (null, $"the emulation of CUDA kernels is not built: {errors.Trim()}"),
            _ => throw new InvalidOperationException($"rig/build.sh failed:\n{errors}"),
        };
    }
}
