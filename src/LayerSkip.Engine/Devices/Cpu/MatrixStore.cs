using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>Reads and packs a model's matrices, and owns their memory.</summary>
internal sealed unsafe class MatrixStore : IDisposable
{
    /// <summary>
    /// Of a matrix's groups of inputs, the most that may stay plain for its compression to pay: each of them interrupts the stream, which
    /// costs as much time as many groups save.
    /// </summary>
    private const double MostPlain = 0.05;

    private readonly WeightSource _source;
    private readonly int _threads;
    private readonly bool _compressesWherePays;

    // As large as the matrices can become. What they leave of it is never touched, so that it takes addresses and no memory.
    private readonly WeightArena _arena;
    private long _demand;

    /// <param name="source">The weights.</param>
    /// <param name="plan">All matrices that will be loaded.</param>
    /// <param name="threads">Threads to pack with.</param>
    /// <exception cref="OutOfMemoryException">The weights do not fit into memory.</exception>
    public MatrixStore(WeightSource source, WeightPlan plan, int threads)
    {
        (_source, _threads, _compressesWherePays) = (source, threads, plan.CompressesWherePays);
        Demand(plan.Matrices.Sum(matrix => WeightArena.Padded(matrix.LeastBytes)) + UncompressedBytes(plan));
        _arena = new WeightArena(plan.Matrices.Sum(matrix => WeightArena.Padded(matrix.MostBytes)));
    }

    /// <summary>Bytes of all matrices.</summary>
    public long Bytes => _arena.Bytes;

    /// <summary>Room for any matrix before it is compressed.</summary>
    public static long UncompressedBytes(WeightPlan plan) => plan.Matrices.Max(matrix => matrix.IsCompressed ? matrix.Bytes : 0);

    /// <summary>Packs a matrix.</summary>
    /// <param name="plan">One of the plan's.</param>
    /// <param name="uncompressed">Room of <see cref="UncompressedBytes"/>, overwritten.</param>
    /// <exception cref="CheckpointException">A tensor is missing, has another shape than the plan says, or does not fit its format.</exception>
    /// <exception cref="OutOfMemoryException">The weights take more memory than could be foreseen, and do not fit.</exception>
    public WeightMatrix Load(PlannedMatrix plan, NativeBuffer uncompressed)
    {
        if (plan.Kernel is not CompressedKernel kernel)
        {
            return Fill(plan, new WeightMatrix(_arena.Take(plan.Bytes), plan.Kernel, plan.Outputs, plan.Inputs));
        }

        // The matrix before has left its weights there, and the last panel's padding is not filled.
        var panelBytes = kernel.Uncompressed.PanelBytes(plan.Inputs);
        NativeBuffer.Clear(uncompressed.Pointer + plan.Bytes - panelBytes, panelBytes);
        var matrix = Fill(plan, new WeightMatrix(uncompressed.Pointer, kernel.Uncompressed, plan.Outputs, plan.Inputs));
        var compression = new MatrixCompression(matrix, kernel, _threads);
        var pays = !_compressesWherePays || compression.PlainShare <= MostPlain;
        Demand((pays ? compression.Bytes : plan.Bytes) - plan.LeastBytes);
        return pays
            ? compression.WriteTo(_arena.Take(compression.Bytes))
            : matrix.CopyTo(_arena.Take(plan.Bytes));
    }

    public void Dispose() => _arena.Dispose();

    /// <summary>Refuses what the machine cannot hold: Linux would grant the memory, and end the process when it is touched.</summary>
    private void Demand(long bytes)
    {
        _demand += bytes;
        var available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (_demand > available)
        {
            throw new InsufficientMemoryException($"the weights take {_demand >> 20} MiB in memory, but this process may use {available >> 20} MiB");
        }
    }

    /// <summary>Packs tensors of equal width one below the other.</summary>
    private WeightMatrix Fill(PlannedMatrix plan, WeightMatrix matrix)
    {
        var first = 0;
        foreach (var part in plan.Parts)
        {
            matrix.Fill(_source.GetTensor(part.Weight, part.Rows, part.Columns), first, _threads);
            first += part.Rows;
        }

        return matrix;
    }
}
