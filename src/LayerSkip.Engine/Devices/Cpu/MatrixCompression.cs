using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>How a matrix's panels will be compressed, measured before memory is taken for them.</summary>
internal sealed unsafe class MatrixCompression
{
    private readonly WeightMatrix _source;
    private readonly CompressedKernel _kernel;
    private readonly ParallelOptions _parallel;
    private readonly HighByteCode[] _codes;
    private readonly int[] _plainGroups;
    private readonly nint[] _offsets;

    /// <param name="source">The matrix, of the kernel's <see cref="PanelKernel.Uncompressed"/>.</param>
    /// <param name="kernel">What it is compressed for.</param>
    /// <param name="threads">Threads to use.</param>
    public MatrixCompression(WeightMatrix source, CompressedKernel kernel, int threads)
    {
        (_source, _kernel) = (source, kernel);
        _parallel = new ParallelOptions { MaxDegreeOfParallelism = threads };
        (_codes, _plainGroups, _offsets) = (new HighByteCode[source.Panels], new int[source.Panels], new nint[source.Panels + 1]);
        Parallel.For(0, source.Panels, _parallel, panel => (_codes[panel], _plainGroups[panel]) = kernel.Measure(source.Panel(panel), source.Inputs));
        for (var panel = 0; panel < source.Panels; panel++)
        {
            _offsets[panel + 1] = _offsets[panel] + (nint)kernel.PanelBytes(source.Inputs, _plainGroups[panel]);
        }
    }

    /// <summary>Bytes of the compressed matrix.</summary>
    public long Bytes => _offsets[^1];

    /// <summary>Of all groups of inputs, how many stay plain, 0..1.</summary>
    public double PlainShare => _plainGroups.Sum(groups => (long)groups) / Math.Max(1.0, _source.Inputs / CompressedPanel.GroupInputs * (double)_source.Panels);

    /// <summary>Compresses the matrix.</summary>
    /// <param name="memory"><see cref="Bytes"/> that the caller keeps alive.</param>
    public WeightMatrix WriteTo(byte* memory)
    {
        var compressed = new WeightMatrix(memory, _kernel, _source.Outputs, _source.Inputs, _offsets);
        Parallel.For(0, _source.Panels, _parallel, panel =>
            _kernel.Compress(_source.Panel(panel), _source.Inputs, _codes[panel], _plainGroups[panel], compressed.Panel(panel)));
        return compressed;
    }
}
