using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>Reads and packs a model's matrices, and owns their memory: one allocation for all that are not compressed, one for each that is.</summary>
internal sealed unsafe class MatrixLoader : IDisposable
{
    private readonly WeightSource _source;
    private readonly int _threads;
    private readonly WeightArena _arena;
    private readonly List<NativeBuffer> _compressed = [];

    // Matrices before they are compressed, one after the other.
    private readonly NativeBuffer _uncompressed;

    /// <param name="source">The weights.</param>
    /// <param name="plan">All matrices that will be loaded.</param>
    /// <param name="threads">Threads to pack with.</param>
    /// <exception cref="OutOfMemoryException">The weights do not fit into memory.</exception>
    public MatrixLoader(WeightSource source, WeightPlan plan, int threads)
    {
        (_source, _threads) = (source, threads);
        var uncompressed = plan.Matrices.Max(matrix => matrix.UncompressedBytes);
        Fit(plan.Matrices.Sum(matrix => WeightArena.Padded(matrix.Bytes)) + uncompressed);
        _arena = new WeightArena(plan.Matrices.Where(matrix => matrix.Uncompressed is null).Sum(matrix => WeightArena.Padded(matrix.Bytes)));
        _uncompressed = new NativeBuffer(uncompressed);
    }

    /// <summary>Bytes of all matrices.</summary>
    public long Bytes => _arena.Bytes + _compressed.Sum(memory => memory.Bytes);

    /// <summary>Packs a matrix.</summary>
    /// <exception cref="CheckpointException">A tensor is missing, has another shape than the plan says, or does not fit its format.</exception>
    public WeightMatrix Load(PlannedMatrix plan)
    {
        if (plan.Kernel is not CompressedKernel kernel)
        {
            return Fill(plan, new WeightMatrix(_arena.Take(plan.Bytes), plan.Kernel, plan.Outputs, plan.Inputs));
        }

        // The matrix before has left its weights there, and the last panel's padding is not filled.
        var panelBytes = kernel.Plain.PanelBytes(plan.Inputs);
        new Span<byte>(_uncompressed.Pointer + plan.UncompressedBytes - panelBytes, checked((int)panelBytes)).Clear();
        var matrix = Fill(plan, new WeightMatrix(_uncompressed.Pointer, kernel.Plain, plan.Outputs, plan.Inputs)).Compress(kernel, _threads, out var memory);
        _compressed.Add(memory);
        return matrix;
    }

    /// <summary>Frees what only loading needed.</summary>
    public void Finish() => _uncompressed.Dispose();

    public void Dispose()
    {
        _arena.Dispose();
        _uncompressed.Dispose();
        foreach (var memory in _compressed)
        {
            memory.Dispose();
        }
    }

    /// <summary>Refuses what the machine cannot hold: Linux would grant the memory, and end the process when it is touched.</summary>
    private static void Fit(long bytes)
    {
        var available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (bytes > available)
        {
            throw new InsufficientMemoryException($"the weights take {bytes >> 20} MiB in memory, but this process may use {available >> 20} MiB");
        }
    }

    /// <summary>Packs tensors of equal width one below the other.</summary>
    private WeightMatrix Fill(PlannedMatrix plan, WeightMatrix matrix)
    {
        var first = 0;
        foreach (var part in plan.Parts)
        {
            matrix.Fill(_source.GetTensor(part.Name, part.Rows, part.Columns), first, _threads);
            first += part.Rows;
        }

        return matrix;
    }
}
