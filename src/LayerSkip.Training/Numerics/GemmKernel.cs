using System.Runtime.Intrinsics;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Training.Numerics;

/// <summary>The tile of a vector width.</summary>
internal readonly unsafe struct GemmKernel
{
    /// <summary>Rows of a tile.</summary>
    public const int Rows = 6;

    /// <summary>The most columns that a tile of any width has.</summary>
    public const int MostColumns = 64;

    private GemmKernel(int columns, delegate*<int, float*, nint, nint, float*, nint, float*, nint, float*, nint, void> run)
    {
        Columns = columns;
        Run = run;
    }

    /// <summary>Columns of a tile.</summary>
    public int Columns { get; }

    /// <summary>See <see cref="GemmTile{TLanes, TVector}.Wide"/>.</summary>
    public delegate*<int, float*, nint, nint, float*, nint, float*, nint, float*, nint, void> Run { get; }

    /// <summary>Whether tiles read a second factor of so many columns where it stands, if its rows begin with cache lines: in whole panels, whose rows are several lines each.</summary>
    public bool ReadsInPlace(int columns) => Columns == MostColumns && columns % Columns == 0;

    /// <summary>Columns of the whole panels that a second factor of so many is packed into.</summary>
    public int PackedColumns(int columns) => (columns + Columns - 1) / Columns * Columns;

    public static GemmKernel Of(SimdPath path) => path switch
    {
        SimdPath.Avx512 => new(64, &GemmTile<Avx512Lanes, Vector512<float>>.Wide),
        SimdPath.Avx2 => new(16, &GemmTile<Avx2Lanes, Vector256<float>>.Narrow),
        _ => new(8, &GemmTile<PortableLanes, Vector128<float>>.Narrow),
    };
}
