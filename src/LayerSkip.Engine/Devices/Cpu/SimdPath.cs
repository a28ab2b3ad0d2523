using System.Runtime.Intrinsics.X86;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>The vector width of the matrix kernels. All paths give the same bits; they differ in speed.</summary>
/// <remarks>
/// The small vector kernels (<see cref="Kernels.Attention"/>, <see cref="Kernels.QuadAttention"/>, <see cref="Kernels.RmsNorm"/>, <see cref="Kernels.GatedSilu"/>)
/// follow the processor alone, whatever path is chosen: only a runtime that is told to do without AVX-512 (<c>DOTNET_EnableAVX512=0</c>) runs their 256-bit code on
/// a processor that has it.
/// </remarks>
internal enum SimdPath
{
    /// <summary>128-bit vectors or scalar code: ARM64 and old x64.</summary>
    Portable,

    /// <summary>256-bit vectors with FMA.</summary>
    Avx2,

    /// <summary>512-bit vectors.</summary>
    Avx512,
}

/// <summary>Chooses the path at run time.</summary>
internal static class SimdPaths
{
    /// <summary>Environment variable that forces a path: <c>portable</c>, <c>avx2</c> or <c>avx512</c>.</summary>
    public const string EnvironmentVariable = "LAYERSKIP_SIMD";

    /// <summary>The paths this machine can run, slowest first.</summary>
    public static IReadOnlyList<SimdPath> Available { get; } =
        Avx512F.IsSupported ? [SimdPath.Portable, SimdPath.Avx2, SimdPath.Avx512]
        : Avx2.IsSupported && Fma.IsSupported ? [SimdPath.Portable, SimdPath.Avx2]
        : [SimdPath.Portable];

    /// <summary>The fastest path of this machine, or the one that <see cref="EnvironmentVariable"/> forces.</summary>
    /// <exception cref="NotSupportedException">The variable names no path, or one that this machine lacks.</exception>
    public static SimdPath Choose() => Choose(Environment.GetEnvironmentVariable(EnvironmentVariable));

    internal static SimdPath Choose(string? forced)
    {
        if (string.IsNullOrEmpty(forced))
        {
            return Available[^1];
        }

        foreach (var path in Available)
        {
            if (path.ToString().Equals(forced, StringComparison.OrdinalIgnoreCase))
            {
                return path;
            }
        }

        throw new NotSupportedException(
            $"{EnvironmentVariable} is '{forced}', but this machine offers: {string.Join(", ", Available).ToLowerInvariant()}");
    }
}
