using System.Runtime.Intrinsics.X86;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>The instructions of the quantised matrix kernels. All paths give the same bits; they differ in speed.</summary>
internal enum DotPath
{
    /// <summary>128-bit vectors or scalar code: ARM64 and old x64.</summary>
    Portable,

    /// <summary>256-bit vectors.</summary>
    Avx2,

    /// <summary>512-bit vectors of 16-bit integers.</summary>
    Avx512,

    /// <summary>256-bit dot products of bytes.</summary>
    AvxVnni,
}

/// <summary>Chooses the path at run time.</summary>
internal static class DotPaths
{
    /// <summary>The paths this machine can run.</summary>
    public static IReadOnlyList<DotPath> Available { get; } = [.. Enum.GetValues<DotPath>().Where(IsSupported)];

    /// <summary>The fastest path for a format that a vector width allows.</summary>
    public static DotPath Of(WeightFormat format, SimdPath path) => path switch
    {
        SimdPath.Portable => DotPath.Portable,

        // Four bits' products are added up in 16, twice as many at a time as the dot products of bytes take. Those of full bytes are not.
        SimdPath.Avx512 when format == WeightFormat.Int4 && IsSupported(DotPath.Avx512) => DotPath.Avx512,
        _ when IsSupported(DotPath.AvxVnni) => DotPath.AvxVnni,
        SimdPath.Avx512 when IsSupported(DotPath.Avx512) => DotPath.Avx512,
        _ when IsSupported(DotPath.Avx2) => DotPath.Avx2,
        _ => DotPath.Portable,
    };

    private static bool IsSupported(DotPath path) => path switch
    {
        DotPath.AvxVnni => AvxVnni.IsSupported && Fma.IsSupported,
        DotPath.Avx512 => Avx512BW.IsSupported,
        DotPath.Avx2 => Avx2.IsSupported && Fma.IsSupported,
        _ => true,
    };
}
